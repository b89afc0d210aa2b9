"""Statistics of the songs, and writing of the locked files."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import level_db
from bench.composing import inventory as inv
from bench.composing.composer import Song
from bench.formats import dump_yaml
from bench.manifest import Manifest
from bench.paths import home, write_text

N_TEST, N_QUICK, N_TRAIN = 48, 16, 240
EARLY_S = 0.03
"""A note up to this much before a bar line belongs to the bar after it: players may be early."""
Bars = frozenset[tuple[str, int, int]]


def describe(songs: Any) -> dict[str, Any]:
    """Return tempo, keys, chords, density, levels, test-only shares of the inventory, and rates of repeated bars."""
    tracks = [f"test-{k:04d}" for k in range(1, N_TEST + 1)]
    test = [songs.song(track) for track in tracks]
    train = [songs.song(f"train-{k:04d}") for k in range(1, N_TRAIN + 1)]
    levels = {
        stem: [level_db(songs.stem(track, stem).samples) for track in tracks]
        for stem in ("drums", "bass", "piano", "other")
    }
    return {
        "songs": {"test": len(test), "train": len(train)},
        "bpm": _spread(song.bpm for song in test),
        "metres": dict(Counter(f"{song.beats_per_bar}/4" for song in test)),
        "modes": dict(Counter(song.mode for song in test)),
        "distinct_keys": len({(song.tonic, song.mode) for song in test}),
        "grooves": dict(sorted(Counter(song.groove for song in test).items())),
        "chord_qualities": dict(Counter(label.partition(":")[2] for song in test for label in song.chords.labels)),
        "drum_hits_per_second": _spread(len(song.parts["drums"]) / 60 for song in test),
        "notes_per_second": _spread(
            sum(len(notes) for part, notes in song.parts.items() if part != "drums") / 60 for song in test
        ),
        "stem_level_db": {stem: _spread(values) for stem, values in levels.items()},
        "kept_for_test": {
            name: round(float(np.mean([kind.is_test_only for kind in kinds])), 3)
            for name, kinds in (
                ("progressions", inv.PROGRESSIONS), ("grooves", inv.GROOVES), ("basses", inv.BASSES),
                ("compings", inv.COMPINGS), ("bands", inv.BANDS), ("tempos", inv.TEMPOS),
            )
        },
        "bars_of_test_found_in_train": {
            "whole arrangement": _duplicates(test, train, tuple(test[0].parts)),
            "drums": _duplicates(test, train, ("drums",)),
            "all but drums": _duplicates(test, train, tuple(part for part in test[0].parts if part != "drums")),
        },
    }  # fmt: skip


def lock(songs: Any) -> None:
    """Write manifests, hashes, fingerprints and statistics under data_manifests/synthetic."""
    folder = home("data_manifests") / "synthetic"
    tracks = [f"test-{k:04d}" for k in range(1, N_TEST + 1)]
    excerpts = tuple(songs.excerpt(track) for track in tracks)
    _write_manifest(folder, Manifest("synthetic-test", excerpts))
    _write_manifest(folder, Manifest("synthetic-quick", excerpts[:: N_TEST // N_QUICK]))
    write_text(folder / "scores.sha256", "".join(f"{songs.song(track).sha256}  {track}\n" for track in tracks))
    rows = [",".join([track, *(f"{band:.1f}" for band in songs.fingerprint(track))]) for track in tracks]
    write_text(
        folder / "fingerprints.csv", "\n".join(["track," + ",".join(f"band{k}" for k in range(16)), *rows]) + "\n"
    )
    write_text(folder / "statistics.yaml", dump_yaml(describe(songs)))


def bars_of(song: Song, parts: Iterable[str]) -> list[Bars]:
    """Return every bar as the set of its notes: (part, step, pitch class above the tonic or drum key)."""
    bars: list[set[tuple[str, int, int]]] = [set() for _ in song.bars]
    starts = np.array([bar.start_s for bar in song.bars])
    for part in parts:
        notes = song.parts[part]
        owner = np.searchsorted(starts, notes.intervals_s[:, 0] + EARLY_S, side="right") - 1
        steps = np.rint((notes.intervals_s[:, 0] - starts[owner]) / song.bars[0].step_s).astype(int)
        pitches = notes.pitches if part == "drums" else (notes.pitches - song.tonic) % 12
        for bar, step, pitch in zip(owner.tolist(), steps.tolist(), pitches.tolist(), strict=True):
            bars[bar].add((part, step, pitch))
    return [frozenset(bar) for bar in bars]


def _duplicates(test: list[Song], train: list[Song], parts: tuple[str, ...]) -> float:
    known = {bar for song in train for bar in bars_of(song, parts)}
    bars = [bar for song in test for bar in bars_of(song, parts) if bar]
    return round(sum(bar in known for bar in bars) / len(bars), 5)


def _spread(values: Iterable[float]) -> dict[str, float]:
    numbers = np.array(list(values))
    return {
        "min": round(float(numbers.min()), 2),
        "mean": round(float(numbers.mean()), 2),
        "max": round(float(numbers.max()), 2),
    }


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    write_text(folder / f"{manifest.name}.csv", manifest.text)
