"""Embeddings of a set of songs: one unit for all dimensions, where an embedding's own differ."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.errors import BenchError
from bench.protocols import Extractor

Vectors = npt.NDArray[np.float64]
_CONSTANT = 1e-9


def embedding_of(name: str) -> Extractor:
    """Build the embedding of this name.

    Raises:
        UnknownName: no extractor has it.
        BenchError: the one that has it finds something else.
        MissingComponent: it needs a package or a file that is not here.
    """
    found: Extractor = plugins.load("extractors", name)
    if found.kind != "embedding":
        raise BenchError(f"metric [{name}]: {name} finds {found.kind}; name an embedding, e.g. [logmel-stats]")
    return found


def unit_of(embedding: Extractor) -> str:
    """Say in what distances on this embedding are measured, for an identity."""
    return "standardised on the references" if _is_standardised(embedding) else "as embedded"


def in_one_unit(
    embedding: Extractor, references: Sequence[Vectors], outputs: Sequence[Vectors]
) -> tuple[list[Vectors], list[Vectors]]:
    """Return both sets centred on the references and divided by their standard deviations, or as they are.

    Args:
        embedding: Standardised only where its `is_standardised` says that its dimensions have units of their own.
        references: Per song (windows, d).
        outputs: The same.

    Returns:
        The same shapes. A dimension without spread is only centred.
    """
    if not _is_standardised(embedding):
        return list(references), list(outputs)
    everything = np.concatenate(references)
    centre, spread = everything.mean(axis=0), everything.std(axis=0)
    spread = np.where(spread > _CONSTANT, spread, 1.0)
    return [(x - centre) / spread for x in references], [(x - centre) / spread for x in outputs]


def _is_standardised(embedding: Extractor) -> bool:
    return bool(getattr(embedding, "is_standardised", False))
