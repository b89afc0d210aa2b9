"""Stems: sums of stretches of long recordings, and excerpts that must fit into them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.audio import Audio
from bench.errors import BenchError


def check_end(where: Path, length_s: float, end_s: float) -> None:
    """Raise `BenchError` if an excerpt ends more than 0.1 ms after the end of its track."""
    if end_s > length_s + 1e-4:
        raise BenchError(
            f"{where}: {length_s:.2f} s long, an excerpt asks for {end_s:g} s of it; take a task with shorter "
            "excerpts, or leave it out of the manifest"
        )


def summed(parts: Iterable[Audio], duration_s: float, sample_rate: int) -> Audio:
    """Add sounds that begin together, at their own levels.

    Args:
        parts: Mono, or all with the same number of channels, at any rates and lengths; no parts give mono silence.
        duration_s: Length of the sum in seconds; shorter parts are padded with silence, longer ones are cut.
        sample_rate: Rate of the sum in Hz.

    Returns:
        float32 (channels, round(duration_s * sample_rate)); a mono part is added to every channel.
    """
    n = round(duration_s * sample_rate)
    total = np.zeros((1, n), dtype=np.float32)
    for part in parts:
        samples = part.resampled(sample_rate).samples[:, :n]
        if len(samples) > len(total):
            total = np.repeat(total, len(samples), axis=0)
        total[:, : samples.shape[1]] += samples
    return Audio(total, sample_rate)
