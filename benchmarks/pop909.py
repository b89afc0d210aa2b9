"""POP909: how far recognisers are from its annotations, and how far its two annotations are from each other.

    BENCH_DATA=... PYTHONPATH=. python benchmarks/pop909.py [--limit N]

Prints the tables of docs/pop909_results.md that no `bench run` makes.
"""

import argparse
import math
from pathlib import Path

import mir_eval
import numpy as np

from bench import plugins
from bench.datasets.pop909 import beats_of, chords_of
from bench.errors import BenchError
from bench.statistics import interval
from bench.symbols import Chords, read_beats
from bench.task import defaults
from bench.upkeep.noise_floor import noise_floor


def chord_agreement(first: Chords, second: Chords) -> dict[str, float]:
    """Return shares of time on which two annotations agree, where the second can be compared (mir_eval.chord)."""
    start = max(first.intervals_s[0, 0], second.intervals_s[0, 0])
    end = min(first.intervals_s[-1, 1], second.intervals_s[-1, 1])
    own, its = (
        mir_eval.util.adjust_intervals(part.intervals_s, list(part.labels), start, end, "N", "N")
        for part in (first, second)
    )
    spans, labels, others = mir_eval.util.merge_labeled_intervals(own[0], own[1], its[0], its[1])
    lengths = mir_eval.util.intervals_to_durations(spans)
    measures = {"root": mir_eval.chord.root, "majmin": mir_eval.chord.majmin, "mirex": mir_eval.chord.mirex}
    return {
        name: mir_eval.chord.weighted_accuracy(measure(others, labels), lengths) for name, measure in measures.items()
    }


def annotations(root: Path, songs: list[str]) -> dict[str, list[float]]:
    """Return, by measure, what chord_midi.txt and beat_midi.txt score against those of the recording."""
    found: dict[str, list[float]] = {}
    for song in songs:
        folder = root / song
        values = chord_agreement(chords_of(folder / "chord_midi.txt"), chords_of(folder / "chord_audio.txt"))
        ours, theirs = beats_of(folder / "beat_midi.txt"), read_beats(folder / "beat_audio.txt")
        values["beat F"] = mir_eval.beat.f_measure(theirs.times_s, ours.times_s)
        values["downbeat F"] = mir_eval.beat.f_measure(theirs.downbeats_s, ours.downbeats_s)
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return found


def shown(values: list[float]) -> str:
    """Return a mean with its interval over songs."""
    low, high = interval(np.array(values))
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="only the first N songs")
    limit = parser.parse_args().limit
    dataset = plugins.load("datasets", "pop909")
    songs = dataset.tracks("test")[:limit]
    print(f"The MIDI's annotations against the recording's, {len(songs)} songs\n\n| measure | agreement |\n|---|---:|")
    for name, values in annotations(dataset.root, songs).items():
        print(f"| {name} | {shown(values)} |")
    rows = {
        manifest: {(row["extractor"], row["measure"]): row for row in noise_floor(manifest, limit)}
        for manifest in ("pop909", defaults().manifest)
    }
    print(f"\n| extractor | measure | {' | '.join(rows)} |\n|---|---|{'---:|' * len(rows)}")
    for key in dict.fromkeys(key for found in rows.values() for key in found):
        cells = [found[key] for found in rows.values() if key in found]
        if all(not math.isfinite(cell["mean"]) for cell in cells[:1]):
            continue
        print(f"| {key[0]} | {key[1]} | " + " | ".join(f"{c['mean']:.3f} ± {c['std']:.3f}" for c in cells) + " |")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        raise SystemExit(f"pop909: {error}") from error
