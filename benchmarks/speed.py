"""How fast our numbers are made, as ratios against a peer in the same run.

`PYTHONPATH=. python benchmarks/speed.py [REPEATS]`, one thread. Prints the table of docs/speed.md and fails where a
goal is missed. Absolute times are given for orientation only: they are those of one machine.
"""

import statistics
import subprocess
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.runtime.executor import Serial, bound_threads

bound_threads()

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402

from bench.audio import Audio  # noqa: E402
from bench.metrics.fad import frechet  # noqa: E402
from bench.metrics.sdr import framewise_sdr  # noqa: E402
from bench.pipeline.build import build  # noqa: E402
from bench.pipeline.generate import generate  # noqa: E402
from bench.pipeline.source import source_of  # noqa: E402
from bench.runtime.cache import Cache  # noqa: E402
from bench.runtime.layout import Layout  # noqa: E402
from bench.scoring.score import score  # noqa: E402
from bench.submission import Submission  # noqa: E402
from bench.task import load_task  # noqa: E402

Timed = tuple[float, float]


def clocked(work: Callable[[], Any], repeats: int) -> float:
    """Return the median of the seconds that it takes."""
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def sdr(repeats: int) -> Timed:
    """Framewise SDR of 4 stereo stems of 30 s at 44.1 kHz: ours, museval's."""
    sys.modules.setdefault("musdb", types.ModuleType("musdb"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import museval
    rate, rng = 44100, np.random.default_rng(0)
    stems = np.cumsum(rng.standard_normal((4, 30 * rate, 2)), axis=1) * 1e-3 + 0.1 * rng.standard_normal(
        (4, 30 * rate, 2)
    )
    found = 0.9 * stems + 0.03 * rng.standard_normal(stems.shape)

    def ours() -> None:
        for stem, estimate in zip(stems, found, strict=True):
            # Both channels one after the other count as one signal, as they do in museval.
            framewise_sdr(Audio(stem.T.reshape(1, -1), rate), Audio(estimate.T.reshape(1, -1), rate))

    ours()
    return clocked(ours, repeats), clocked(lambda: museval.evaluate(stems, found, win=rate, hop=rate), 1)


def frechet_512(repeats: int) -> Timed:
    """Fréchet distance at d = 512: ours, and with the general square root of a matrix."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 4000, 512)) @ (rng.standard_normal((512, 512)) / 512**0.5)
    means, covariances = (a.mean(0), b.mean(0)), (np.cov(a.T), np.cov(b.T))

    def theirs() -> float:
        root = np.real(scipy.linalg.sqrtm(covariances[0] @ covariances[1]))
        gap = means[0] - means[1]
        return float(gap @ gap + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root))

    def ours() -> float:
        return frechet(means[0], covariances[0], means[1], covariances[1])

    ours(), theirs()
    return clocked(ours, repeats), clocked(theirs, repeats)


def example(repeats: int) -> tuple[Timed, Timed, Timed]:
    """All metrics of one 15 s example, extractors and filters warm.

    Returns:
        The first system with its ceiling, cache empty: output and reference are scored, and by the naive chain too. A
        further system on the same example, what was heard in the reference still in the cache, against the chain's
        score of one output. The same against the chain in a process a file.
    """
    from naive import naive_scores

    with tempfile.TemporaryDirectory() as folder:
        out, task = Path(folder), load_task("inpaint-drums")
        layout = Layout(out)
        source = source_of("synthetic-quick", None, None, task)
        examples = build(task, source, layout, Serial(), None, 2)
        first, second = (
            generate(examples, name, out / name, Cache(layout.cache)) for name in ("retrieval", "loop-context")
        )
        warm, name = examples.ids
        (start, end), *_ = examples.request(name).mask.holes_s
        reference, control = (
            examples.folder / part for part in (f"references/{name}.wav", f"requests/{name}/control-drums.wav")
        )

        def ours(system: Submission, excerpt: str, cache: Path) -> float:
            only = tuple(one for one in examples.manifest.excerpts if one.id == excerpt)
            chosen = replace(examples, manifest=replace(examples.manifest, excerpts=only))
            return clocked(lambda: score(system, chosen, dict(chosen.extractors), cache, Serial()), 1)

        def theirs(*outputs: Path) -> float:
            return clocked(lambda: [naive_scores(reference, one, control, start, end) for one in outputs], repeats)

        ours(first, warm, out / "warm")
        naive_scores(reference, reference, control, start, end)
        both = [(ours(first, name, out / f"c{k}"), ours(second, name, out / f"c{k}")) for k in range(repeats)]
        whole, further = (statistics.median(one) for one in zip(*both, strict=True))
        words = [sys.executable, str(Path(__file__).with_name("naive.py")), str(reference), str(first.output(name))]
        command = [*words, str(control), str(start), str(end)]
        by_file = clocked(lambda: subprocess.run(command, check=True, capture_output=True), 1)
        one = theirs(first.output(name))
        return (whole, theirs(first.output(name), reference)), (further, one), (further, by_file)


def main(arguments: list[str]) -> int:
    """Print the table; 1 where a goal is missed."""
    repeats = int(arguments[0]) if arguments else 3
    whole, further, by_file = example(repeats)
    rows = [
        ("SDR, 4 stereo stems of 30 s", "museval", 300.0, sdr(repeats)),
        ("Fréchet distance, d = 512", "scipy.linalg.sqrtm", 3.0, frechet_512(repeats)),
        ("all metrics of a 15 s example, output and ceiling", "the naive chain, twice", 10.0, whole),
        ("all metrics of a further output", "the naive chain", 10.0, further),
        ("the same", "the naive chain, a process a file", 10.0, by_file),
    ]
    sys.stdout.write("| what | against | times faster | goal | ours | theirs |\n|---|---|---:|---:|---:|---:|\n")
    for what, other, goal, (ours, theirs) in rows:
        ratio = f"{theirs / ours:.1f}" + ("" if theirs / ours >= goal else " (missed)")
        sys.stdout.write(f"| {what} | {other} | {ratio} | {goal:g} | {ours:.4f} s | {theirs:.3f} s |\n")
    return int(any(theirs / ours < goal for _, _, goal, (ours, theirs) in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
