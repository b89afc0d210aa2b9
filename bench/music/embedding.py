"""Embeddings: standardise them on the references where their dimensions have different units."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.errors import BenchError
from bench.protocols import Extractor

Vectors = npt.NDArray[np.float64]
_CONSTANT = 1e-9


def embedding_of(name: str) -> Extractor:
    """Build the extractor of kind `embedding` that has this name.

    Raises:
        UnknownName: no extractor has this name.
        BenchError: the extractor is of another kind.
        MissingComponent: it needs a package or a file that is missing.
    """
    extractor: Extractor = plugins.load("extractors", name)
    if extractor.kind != "embedding":
        raise BenchError(f"metric [{name}]: {name} finds {extractor.kind}; name an embedding, e.g. [musicnn]")
    return extractor


def unit_of(embedding: Extractor) -> str:
    """Return the unit of distances on this embedding, as metric identities name it."""
    return "standardised on the references" if _is_standardised(embedding) else "as embedded"


def in_one_unit(
    embedding: Extractor, references: Sequence[Vectors], outputs: Sequence[Vectors]
) -> tuple[list[Vectors], list[Vectors]]:
    """Standardise both sets by the mean and standard deviation of the references, if the embedding asks for it.

    Args:
        embedding: Sets are returned unchanged unless its `is_standardised` is true.
        references: (windows, d) per song.
        outputs: The same.

    Returns:
        References and outputs, shapes unchanged. A dimension that is constant over the references is only centred.
    """
    if not _is_standardised(embedding):
        return list(references), list(outputs)
    everything = np.concatenate(references)
    centre, spread = everything.mean(axis=0), everything.std(axis=0)
    spread = np.where(spread > _CONSTANT, spread, 1.0)
    return [(x - centre) / spread for x in references], [(x - centre) / spread for x in outputs]


def _is_standardised(embedding: Extractor) -> bool:
    return bool(getattr(embedding, "is_standardised", False))
