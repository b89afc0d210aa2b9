"""Noise floor: the errors of every extractor on songs with known truth."""

import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio, is_silent
from bench.errors import BenchError, MissingComponent
from bench.manifest import Excerpt
from bench.music.choice import chosen_for
from bench.music.controls import piano_cover
from bench.music.drums import drum_onsets
from bench.pipeline.source import source_named
from bench.protocols import Dataset, Extractor
from bench.recordings.library import music_of
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes
from bench.task import defaults

ONSET_S, BEAT_S = 0.05, 0.07

Values = dict[str, float]


@dataclass(frozen=True, eq=False)
class _Song:
    """An excerpt with its truth; the drums are separated once for all extractors."""

    dataset: Dataset
    excerpt: Excerpt
    separator: Extractor

    def part(self, what: str) -> Any:
        """Return a part of the excerpt; an error if the data set does not have it."""
        content = self.dataset.read(self.excerpt, what)
        if content is None:
            raise BenchError(
                f"{self.excerpt.id}: {self.excerpt.dataset} has no {what}; the noise floor needs the truth"
            )
        return content

    @cached_property
    def mix(self) -> Audio:
        """The song."""
        mix: Audio = self.part("mix")
        return mix

    @cached_property
    def separated(self) -> Audio:
        """The drums that the separator extracts from the mix."""
        extracted: Any = self.separator.extract(self.mix)
        drums: Audio = extracted
        return drums

    @cached_property
    def cover(self) -> tuple[Notes, Audio]:
        """The piano reduction and its sound."""
        notes = piano_cover(self.part("notes"))
        renderer = plugins.load("renderers", defaults().renderer)
        return notes, renderer.render(notes, self.excerpt.duration_s, self.mix.sample_rate)


def noise_floor(
    manifest: str | None = None, limit: int | None = None, separator: str | None = None
) -> list[dict[str, Any]]:
    """Measure every available extractor on songs with known truth.

    Args:
        manifest: Manifest of a data set that has chords, beats, notes and drum stems; the default one when None.
        limit: Number of songs, from the first; all when None.
        separator: Extractor of drums, in whose output onsets are searched; the default one when None.

    Returns:
        One row per extractor and measure: `extractor`, `kind`, `measure`, `unit`, `mean` and `std` over songs (standard
        deviation with n - 1; NaN for one song), `n` songs for which the measure is defined, `n_songs`, `manifest`.
        Kinds without truth (chroma, embedding) have no rows.

    Raises:
        BenchError: the data set lacks a truth, or no data set has this manifest.
    """
    source = source_named(manifest)
    dataset: Dataset = plugins.load("datasets", source.dataset)
    chosen = dataset.select(source.manifest).limited(limit)
    drums: Extractor = plugins.load("extractors", separator or chosen_for(music_of(source.dataset))["drums"])
    extractors = list(available(MEASURES))
    values: dict[tuple[str, str, str], list[float]] = {}
    for excerpt in chosen.excerpts:
        song = _Song(dataset, excerpt, drums)
        for name, extractor in extractors:
            for measure, value in MEASURES[extractor.kind](song, extractor).items():
                values.setdefault((name, extractor.kind, measure), []).append(value)
    return [{**row_of(*key, of_songs), "manifest": chosen.name} for key, of_songs in sorted(values.items())]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as the Markdown table of docs/extractors.md; with their conditions if they have some."""
    where = "material | " if rows and "condition" in rows[0] else ""
    lines = [f"| {where}extractor | measure | mean | std | songs |", "|---" * (6 if where else 5) + "|"]
    for row in rows:
        value = f"{row['mean']:.1f} dB | {row['std']:.1f}" if row["unit"] else f"{row['mean']:.3f} | {row['std']:.3f}"
        where = f"{row['condition']} | " if "condition" in row else ""
        lines.append(f"| {where}`{row['extractor']}` | {row['measure']} | {value} | {row['n']} |")
    return "\n".join(lines)


def available(kinds: Container[str], asked: Mapping[str, str] | None = None) -> Iterator[tuple[str, Extractor]]:
    """Build every extractor of these kinds; skip those with missing components.

    Args:
        kinds: Those whose results have a truth to compare with.
        asked: Names by kind, of which this extractor alone is wanted.

    Raises:
        MissingComponent: an extractor that is asked for lacks a component.
        BenchError: an extractor that is asked for is of another kind.
    """
    asked = asked or {}
    for kind, name in asked.items():
        if (real := plugins.load("extractors", name).kind) != kind:
            raise BenchError(f"--extractor {kind}={name}: {name} finds {real}; name an extractor of {kind}")
    for name in plugins.names("extractors"):
        try:
            extractor: Extractor = plugins.load("extractors", name)
        except MissingComponent:
            continue
        if extractor.kind in kinds and asked.get(extractor.kind, name) == name:
            yield name, extractor


def row_of(extractor: str, kind: str, measure: str, values: list[float]) -> dict[str, Any]:
    """Return a row of `noise_floor` without its manifest; values that are not finite count as undefined."""
    defined = np.array([value for value in values if math.isfinite(value)])
    return {
        "extractor": extractor,
        "kind": kind,
        "measure": measure,
        "unit": "dB" if "sdr" in measure else "",
        "mean": float(defined.mean()) if len(defined) else math.nan,
        "std": float(defined.std(ddof=1)) if len(defined) > 1 else math.nan,
        "n": len(defined),
        "n_songs": len(values),
    }


def drum_sdr(truth: Audio, estimate: Audio) -> float:
    """Return 10 log10(sum s^2 / sum (s - estimate)^2) over the whole sound in dB; NaN where the truth is silent."""
    drums = truth.mono.astype(np.float64)
    if is_silent(drums):
        return math.nan
    error = np.sum((drums - estimate.mono) ** 2)
    return float(10 * np.log10(np.sum(drums**2) / max(error, 1e-20)))


def onset_f(truth: Beats, estimate: Beats) -> float:
    """Return the F-measure of onsets, +-50 ms; NaN without true onsets."""
    import mir_eval

    if not len(truth.times_s):
        return math.nan
    if not len(estimate.times_s):
        return 0.0
    return float(mir_eval.onset.f_measure(truth.times_s, estimate.times_s, window=ONSET_S)[0])


def _drums(song: _Song, extractor: Extractor) -> Values:
    """Return the SDR over the whole excerpt; NaN for songs without drums."""
    estimate: Any = extractor.extract(song.mix)
    return {"drum sdr": drum_sdr(song.part("drums"), estimate)}


def _onsets(song: _Song, extractor: Extractor) -> Values:
    """Return the F-measure of onsets, +-50 ms, against the percussion's notes, merged within 30 ms."""
    truth = drum_onsets(song.part("notes"))
    sounds = {"F on the stem": song.part("drums"), "F on separated drums": song.separated}
    onsets: dict[str, Any] = {measure: extractor.extract(audio) for measure, audio in sounds.items()}
    return {measure: onset_f(truth, found) for measure, found in onsets.items()}


def _beats(song: _Song, extractor: Extractor) -> Values:
    """Return the F-measures of beats and downbeats, +-70 ms, without trimming the first seconds."""
    import mir_eval

    truth: Beats = song.part("beats")
    estimated: Any = extractor.extract(song.mix)

    def score(reference: npt.NDArray[np.float64], estimate: npt.NDArray[np.float64]) -> float:
        return float(mir_eval.beat.f_measure(reference, estimate, BEAT_S)) if len(reference) else math.nan

    return {
        "beat F": score(truth.times_s, estimated.times_s),
        "downbeat F": score(truth.downbeats_s, estimated.downbeats_s),
    }


def _chords(song: _Song, extractor: Extractor) -> Values:
    """Return mir_eval's duration-weighted accuracies of majmin and sevenths on the mix."""
    estimate: Any = extractor.extract(song.mix)
    return chord_accuracies(song.part("chords"), estimate, ("majmin", "sevenths"))


def chord_accuracies(truth: Chords, estimate: Chords, names: Sequence[str]) -> Values:
    """Return mir_eval's duration-weighted accuracies by the names of its comparisons, from first to last true chord."""
    import mir_eval

    start, end = truth.intervals_s[0, 0], truth.intervals_s[-1, 1]
    intervals, labels = mir_eval.util.adjust_intervals(
        estimate.intervals_s, list(estimate.labels), start, end, "N", "N"
    )
    merged, wanted, estimated = mir_eval.util.merge_labeled_intervals(
        truth.intervals_s, list(truth.labels), intervals, labels
    )
    durations = mir_eval.util.intervals_to_durations(merged)
    return {
        name: float(mir_eval.chord.weighted_accuracy(getattr(mir_eval.chord, name)(wanted, estimated), durations))
        for name in names
    }


def _notes(song: _Song, extractor: Extractor) -> Values:
    """Return F-measures of onset and pitch, +-50 ms, offsets ignored: on the mix, and on the piano reduction."""
    notes: Notes = song.part("notes")
    cover, piano = song.cover
    in_mix: Any = extractor.extract(song.mix)
    in_piano: Any = extractor.extract(piano)
    return {
        "F on the mix": note_f(notes.where(notes.programs != DRUM_PROGRAM), in_mix),
        "F on the piano reduction": note_f(cover, in_piano),
    }


def note_f(truth: Notes, estimate: Notes) -> float:
    """Return the F-measure of onset and pitch, +-50 ms, offsets ignored; NaN without true notes."""
    import mir_eval

    if not len(truth):
        return math.nan
    if not len(estimate):
        return 0.0
    scores = mir_eval.transcription.precision_recall_f1_overlap(
        *_intervals_and_hz(truth), *_intervals_and_hz(estimate), onset_tolerance=ONSET_S, offset_ratio=None
    )
    return float(scores[2])


def _intervals_and_hz(notes: Notes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the arguments of mir_eval; it refuses notes of no length, so they last a millisecond."""
    intervals = notes.intervals_s.copy()
    intervals[:, 1] = np.maximum(intervals[:, 1], intervals[:, 0] + 0.001)
    return intervals, 440 * 2 ** ((notes.pitches - 69) / 12)


MEASURES: dict[str, Callable[[_Song, Extractor], Values]] = {
    "drums": _drums,
    "onsets": _onsets,
    "beats": _beats,
    "chords": _chords,
    "notes": _notes,
}
