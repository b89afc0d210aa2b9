"""The songs of `synthetic` as sound and as mini tokens."""

from collections.abc import Iterable
from pathlib import Path

from bench.mini.tokens import Tokeniser
from bench.runtime.executor import Executor
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of
from bench.training import streams
from bench.training.tokens import Songs, encoded


def prepared(
    data: Path, tokens: Path, manifests: Iterable[str], executor: Executor
) -> tuple[Tokeniser, list[tuple[streams.Streams, Songs]]]:
    """Return the tokeniser of a weight file, and for each manifest of `synthetic` its songs as sound and as tokens.

    Args:
        data: Folder of songs and tokens, shared by all trainings; what is there is left alone.
        tokens: The codebooks' weight file.
        manifests: Names.
        executor: Makes what is missing, one song per job.
    """
    tokeniser, folder = Tokeniser.of(read_tensors(tokens)), data / f"codes-{sha256_of(tokens)[:12]}"
    found = []
    for name in manifests:
        sounds = streams.prepare("synthetic", name, data / "streams", executor=executor)
        found.append((sounds, encoded(sounds, tokeniser, folder, executor)))
    return tokeniser, found
