"""What full sizes take, from their configurations alone: `PYTHONPATH=. python benchmarks/full_size.py`.

Prints the tables of docs/full_size.md. Nothing here is measured and no weights are needed. Memory is that of
`bench.air.memory`. Time is arithmetic: a generated step reads its matrices, keys and values once, at the bandwidth of
the card's data sheet; a trained excerpt is so many multiplications and additions, at a share of the card's peak.
"""

import sys
from dataclasses import dataclass

from bench.air.decoder import MUSICGEN, Config
from bench.air.generate import n_generated_steps
from bench.air.memory import N_FRAMES, learning, needed

GOAL = 1.5
"""A step over the time in which its bytes can be read: the goal of benchmarks/generation.py."""
UTILISATION = 0.4
"""The share of a card's peak at which training is assumed to run."""
M, STEPS = 50, 20000
BATCHES = {"small": (32, 8), "medium": (16, 4), "large": (8, 2)}
"""Excerpts a step in the recipes' budgets gpu-80gb and gpu-24gb."""
BYTES = 2


@dataclass(frozen=True)
class Card:
    """A GPU by its data sheet.

    Attributes:
        name: What it is called.
        memory_gb: 10^9 bytes.
        bandwidth: Bytes a second.
        peak: Operations a second of bfloat16, without sparsity, summed in float32.
    """

    name: str
    memory_gb: float
    bandwidth: float
    peak: float


CARDS = (Card("A100 80 GB (SXM)", 80, 2.039e12, 312e12), Card("RTX 4090 (24 GB)", 24, 1.008e12, 165e12))


def read_a_step(config: Config, batch: int, n_frames: int = N_FRAMES) -> float:
    """Return the bytes that a generated step reads in the middle of a prediction: matrices, keys and values."""
    matrices = config.depth * (4 * config.width**2 + 2 * config.width * config.ffn)
    heads = config.books * config.entries * config.width
    seen = 1.5 * n_frames + 2 * M
    return float(BYTES * (matrices + heads + config.depth * 2 * batch * seen * config.width))


def learned(config: Config, n_frames: int = N_FRAMES) -> float:
    """Return the operations of an excerpt of training.

    Two for every weight and step forwards and two backwards: a frozen weight has no gradient of its own. Attention over
    the steps before each, and over the prompts, costs two and a half times as much backwards as forwards.
    """
    steps = 2 * n_frames + config.books - 1
    weights = config.depth * (4 * config.width**2 + 2 * config.width * config.ffn)
    weights += config.books * config.entries * config.width
    attention = 2 * steps**2 * config.width * config.depth + 4 * steps * 4 * M * config.width * config.depth
    return float(4 * weights * steps + 3.5 * attention)


def generation() -> list[str]:
    """Return the table of generating, 15 s an excerpt."""
    lines = ["| size | batch | memory | " + " | ".join(f"{card.name}: floor, goal" for card in CARDS) + " |"]
    lines.append("|---" * (3 + len(CARDS)) + "|")
    for size, config in MUSICGEN.items():
        for batch in (1, 8):
            need = needed(config, "bfloat16", batch, m=M, device="cuda")
            floors = [n_generated_steps(N_FRAMES, 4) * read_a_step(config, batch) / card.bandwidth for card in CARDS]
            times = " | ".join(f"{floor / batch:.1f} s, {GOAL * floor / batch:.1f} s" for floor in floors)
            lines.append(f"| {size} | {batch} | {need.total / 1e9:.1f} GB ({need}) | {times} |")
    return lines


def training() -> list[str]:
    """Return the table of training at m = 50, 15 s an excerpt."""
    lines = ["| size | card | excerpts per step | memory | seconds per excerpt | 20,000 steps |", "|---" * 6 + "|"]
    for size, config in MUSICGEN.items():
        for card, batch in zip(CARDS, BATCHES[size], strict=True):
            memory, seconds = learning(config, "bfloat16", M, batch) / 1e9, learned(config) / (UTILISATION * card.peak)
            hours = STEPS * batch * seconds / 3600
            lines.append(f"| {size} | {card.name} | {batch} | {memory:.1f} GB | {seconds:.3f} s | {hours:.1f} h |")
    return lines


def main() -> int:
    """Print both tables."""
    sys.stdout.write("\n".join([*generation(), "", *training()]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
