"""The songs of the data set `synthetic`, as sound and as mini tokens."""

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
    """Return the tokeniser of a weight file, and the songs of each manifest of `synthetic` as sound and as tokens.

    Args:
        data: Folder of songs and tokens, shared by all trainings; existing files are kept.
        tokens: The codebooks' weight file.
        manifests: Names of manifests.
        executor: Makes missing files, one song per job.
    """
    tokeniser, folder = Tokeniser.of(read_tensors(tokens)), data / f"codes-{sha256_of(tokens)[:12]}"
    sets = []
    for name in manifests:
        sounds = streams.prepare("synthetic", name, data / "streams", executor=executor)
        sets.append((sounds, encoded(sounds, tokeniser, folder, executor)))
    return tokeniser, sets
