"""Stems: sums of stretches of long recordings, and excerpts that must fit into them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.audio import Audio
from bench.errors import BenchError


def check_end(where: Path, length_s: float, end_s: float) -> None:
    """Refuse an excerpt that ends, to a tenth of a millisecond, behind what it is cut from; raises `BenchError`."""
    if end_s > length_s + 1e-4:
        raise BenchError(
            f"{where}: {length_s:.2f} s long, an excerpt asks for {end_s:g} s of it; take a task with shorter "
            "excerpts, or leave it out of the manifest"
        )


def summed(parts: Iterable[Audio], duration_s: float, sample_rate: int) -> Audio:
    """Add sounds that begin together, at their own levels.

    Args:
        parts: Mono or of one number of channels, of any rates and lengths; none gives mono silence.
        duration_s: Length of the sum; shorter parts are silent from their ends on, longer ones are cut.
        sample_rate: Of the sum in Hz.

    Returns:
        float32 (channels, round(duration_s * sample_rate)); a mono part sounds in every channel.
    """
    n = round(duration_s * sample_rate)
    total = np.zeros((1, n), dtype=np.float32)
    for part in parts:
        samples = part.resampled(sample_rate).samples[:, :n]
        if len(samples) > len(total):
            total = np.repeat(total, len(samples), axis=0)
        total[:, : samples.shape[1]] += samples
    return Audio(total, sample_rate)
