"""Baseline: fill holes with visible beats of the same song that match the control and join well; keep given drums."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError
from bench.example import Request
from bench.music.metre import (
    FEATURE_RATE,
    bar_length,
    clear_lag,
    fitted_grid,
    likeness_at_lags,
    log_bands,
    sharpened,
    tempo_of,
    visible_frames,
)
from bench.music.splice import FADE_S, Piece, are_seen, assembled, filled, merged, seen_counts, spliced, tiled
from bench.protocols import Extractor, Model
from bench.symbols import Beats, Chords, Floats, Frames, Notes

_EARLY_S = 0.02
"""Cuts are this long before a beat, so that a cross-fade ends before the beat's attack."""
_RUN_ON_S = 0.025
"""Neighbouring beats whose sources differ by less than this are copied without a cut, since tracked beats jitter."""
_UNSTEADY_S = 0.06
"""Median deviation of tracked beats from a steady grid above which the tempo counts as unsteady."""
_LONG_BEAT_S = 0.7
"""Beats longer than this are split into halves."""
_OWN_GAIN = (0.8, 1.25)
"""If the gain of the given drums in the context is within these bounds, they are the song's own and are subtracted."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Costs:
    """Weights of the terms of the cost; a mismatch is 1 - cosine similarity, 0 to 2."""

    control: float = 2.0
    """Times the mismatch between the control (chords or notes) at the source and in the hole."""
    sound: float = 0.7
    """Times the mismatch between the source's chroma and the pitch classes that the control asks for."""
    groove: float = 0.4
    """Times the mismatch between the drum control at the source and in the hole."""
    position: float = 0.5
    """Added if the source is at another position in its bar."""
    short: float = 6.0
    """Times (length of the hole's beat / length of the source - 1), if the source is shorter."""
    far: float = 0.002
    """Times the distance between source and hole in beats."""
    cut: float = 0.3
    """Added between neighbours whose sources do not follow one another."""
    join: float = 0.8
    """Times the mismatch between the sounds on both sides of such a cut."""


_COSTS = _Costs()


@dataclass(frozen=True)
class _Grid:
    """Beats over the whole excerpt: n + 1 edges in seconds, and the place of each beat in its bar."""

    edges_s: Floats
    places: npt.NDArray[np.int64]


class Retrieval:
    """Concatenates beats of the visible context (Schwarz, "Concatenative sound synthesis: the early years", JNMR 2006).

    A Viterbi search chooses a visible beat, the source, for every beat of a hole. Its costs are those of `_Costs`: how
    well the control at the source matches the control in the hole (chord tones, piano notes, drum pattern), how well
    the source's chroma matches the control, the place in the bar, the length, the distance, and the cuts. Without a
    control, the search finds the best self-similar continuation. Given drums are kept: only the rest of the song is
    copied (the context minus the drums if they are its own, else the context without the separated drums), and the
    drums are added. Nothing is stretched or transposed, and the seed has no effect. If the context is silent or
    everything is masked, the output is the sum of the controls, as in `copy-control`.
    """

    batch_size = 8

    def __init__(self, drums: Extractor, chroma: Extractor, beats: Extractor) -> None:
        """Take a separator, a chroma extractor and a beat tracker."""
        self._drums = drums
        self._chroma = chroma
        self._beats = beats

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes; the context is unchanged bit for bit."""
        return [self._edit(request) for request in requests]

    def _edit(self, request: Request) -> Audio:
        masked, mask, rate = request.masked, request.mask, request.masked.sample_rate
        visible = ~mask.inside(rate)
        added = _summed(request, ("drums",))
        if not np.any(masked.mono[visible]):
            return filled(masked, mask, _summed(request, request.controls))
        body = self._without_drums(request, visible)
        grid = self._grid(request)
        costs = self._costs(request, body, grid)
        pieces = _in_step(_pieces(visible, mask.holes_s, grid, costs, rate), body, visible)
        fade = round(FADE_S * rate)
        accompaniment = spliced(body, mask, assembled(body.mono, visible, pieces, fade), fade)
        return filled(masked, mask, accompaniment.mono + added)

    def _without_drums(self, request: Request, visible: Flags) -> Audio:
        """Return the visible context, without its drums if drums are given; zero in the holes."""
        masked = request.masked
        if "drums" not in request.controls:
            return masked
        drums = np.where(visible, request.controls["drums"].audio.mono, 0).astype(np.float64)
        power = float(np.dot(drums, drums))
        if power > 0 and _OWN_GAIN[0] <= float(np.dot(drums, masked.mono)) / power <= _OWN_GAIN[1]:
            return Audio((masked.mono - drums).astype(np.float32), masked.sample_rate)
        separated = self._drums.extract(masked)
        rest = masked.mono - (separated.mono if isinstance(separated, Audio) else np.float32(0))
        return Audio(np.where(visible, rest, np.float32(0)), masked.sample_rate)

    def _grid(self, request: Request) -> _Grid:
        """Return the beats of the excerpt: those given with the chords, else tracked in context and controls."""
        masked, duration_s = request.masked, request.masked.duration_s
        given = request.controls["chords"].beats if "chords" in request.controls else None
        controls = _summed(request, request.controls)
        guide = filled(masked, request.mask, controls)
        bands = log_bands(guide.mono, masked.sample_rate)
        seen = visible_frames(request.mask.holes_s if not controls.any() else [], len(bands))
        if given is not None and len(np.unique(given.times_s)) >= 4:
            return _spread(given, duration_s, 4)
        tracked = self._beats.extract(guide)
        steady = fitted_grid(bands, seen, tempo_of(tracked))
        bar = bar_length(bands, seen, steady)
        is_guided = bool(controls.any())
        repeating = controls if is_guided else masked.mono
        known = np.ones(len(repeating), dtype=bool) if is_guided else ~request.mask.inside(masked.sample_rate)
        steady = sharpened(replace(steady, beats_per_bar=bar), likeness_at_lags(repeating, known), masked.sample_rate)
        if is_guided and isinstance(tracked, Beats) and _strays(tracked, steady.phase_s, steady.period_s):
            return _spread(Beats(tracked.times_s), duration_s, bar)
        return _spread(Beats(steady.times_s(duration_s)), duration_s, bar)

    def _costs(self, request: Request, body: Audio, grid: _Grid) -> tuple[Floats, Floats]:
        """Return the costs of source beat q for hole beat j, and of q after p; both (n, n)."""
        edges, n = grid.edges_s, len(grid.edges_s) - 1
        seen = visible_frames(request.mask.holes_s, int(body.duration_s * FEATURE_RATE) + 1)
        texture = _by_beat(log_bands(body.mono, body.sample_rate), FEATURE_RATE, edges, 2, seen)
        tones = self._chroma_by_beat(body, request, edges)
        sounds = np.concatenate([texture, tones], axis=1) / np.sqrt(2)
        local = _COSTS.far * np.abs(np.subtract.outer(np.arange(n), np.arange(n))).astype(np.float64)
        lengths = np.diff(edges)
        # Copying from a source shorter than the hole's beat would include the next beat's attack.
        local += _COSTS.short * np.maximum(lengths[:, None] / lengths[None, :] - 1, 0)
        local += _COSTS.position * (grid.places[:, None] != grid.places[None, :])
        for weight, wanted, offered in _targets(request, edges, tones):
            local += weight * (1 - wanted @ offered.T)
        alike = np.zeros((n + 2, n + 2))
        alike[1:-1, 1:-1] = sounds @ sounds.T
        joins = _COSTS.cut + _COSTS.join * (1 - (alike[1:-1, :-2] + alike[2:, 1:-1]) / 2)
        joins[np.arange(n - 1), np.arange(1, n)] = 0.0
        return local, joins

    def _chroma_by_beat(self, body: Audio, request: Request, edges_s: Floats) -> Floats:
        chroma = self._chroma.extract(body)
        if not isinstance(chroma, Frames):
            return np.zeros((len(edges_s) - 1, 12))
        times = np.arange(len(chroma.values)) / chroma.rate_hz
        seen = np.ones(len(times), dtype=bool)
        for start, end in request.mask.holes_s:
            seen &= (times < start - 0.1) | (times >= end + 0.1)
        centred = chroma.values - chroma.values.mean(axis=1, keepdims=True)
        return _by_beat(centred, chroma.rate_hz, edges_s, 1, seen, is_centred=True)


def build(drums: str = "hpss", chroma: str = "cqt-chroma", beats: str = "librosa-beats") -> Model:
    """Return the baseline.

    Args:
        drums: Name of the drum separator, used if given drums are not the song's own.
        chroma: Name of the chroma extractor.
        beats: Name of the beat tracker.
    """
    return Retrieval(*(plugins.load("extractors", name) for name in (drums, chroma, beats)))


def _summed(request: Request, kinds: Iterable[str]) -> Floats:
    total = np.zeros(request.masked.n_samples)
    for kind in kinds:
        if kind in request.controls:
            total += request.controls[kind].audio.mono
    return total


def _strays(tracked: Beats, phase_s: float, period_s: float) -> bool:
    """Return whether tracked beats deviate so much from a steady grid that the tempo is not steady."""
    off = (tracked.times_s - phase_s + period_s / 2) % period_s - period_s / 2
    return len(off) >= 4 and float(np.median(np.abs(off - np.median(off)))) > _UNSTEADY_S


def _spread(beats: Beats, duration_s: float, beats_per_bar: int) -> _Grid:
    """Extend beats over the whole excerpt at their median period; unknown positions are counted from the first beat."""
    times = np.unique(beats.times_s)
    period = float(np.median(np.diff(times)))
    before = int(np.ceil(max(times[0], 0) / period)) + 1
    after = int(np.ceil(max(duration_s - times[-1], 0) / period)) + 1
    edges = np.concatenate(
        [times[0] - period * np.arange(before, 0, -1), times, times[-1] + period * np.arange(1, after + 1)]
    )
    places = np.arange(len(edges) - 1) - before
    if len(beats.positions) == len(times) and beats.positions.max(initial=0) > 1:
        beats_per_bar = int(beats.positions.max())
        places[: before + 1] += int(beats.positions[0]) - 1
        places[before : before + len(times)] = beats.positions[: len(edges) - 1 - before] - 1
        places[before + len(times) :] = beats.positions[-1] + np.arange(len(places) - before - len(times))
    parts = 2 if period > _LONG_BEAT_S else 1
    fine = np.interp(np.arange((len(edges) - 1) * parts + 1) / parts, np.arange(len(edges)), edges)
    return _Grid(fine, np.repeat(places % beats_per_bar, parts) * parts + np.arange(len(places) * parts) % parts)


def _by_beat(
    values: Floats, rate_hz: float, edges_s: Floats, parts: int, seen: Flags, is_centred: bool = False
) -> Floats:
    """Average visible frames over each of `parts` parts of a beat; rows have unit length, or are zero if hidden.

    Returns:
        Shape (n_beats, parts * d).
    """
    values, seen = values[: len(seen)], seen[: len(values)]
    if seen.any() and not is_centred:
        values = values - values[seen].mean(axis=0)
    fine = np.interp(np.arange((len(edges_s) - 1) * parts + 1) / parts, np.arange(len(edges_s)), edges_s)
    places = np.clip(np.rint(fine * rate_hz), 0, len(values)).astype(np.int64)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(np.where(seen[:, None], values, 0), axis=0)])
    counts = np.concatenate([[0], np.cumsum(seen)])
    n = counts[places[1:]] - counts[places[:-1]]
    rows = (sums[places[1:]] - sums[places[:-1]]) / np.maximum(n, 1)[:, None]
    return _unit(rows.reshape(len(edges_s) - 1, -1))


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-9)
    return unit


def _targets(request: Request, edges_s: Floats, tones: Floats) -> list[tuple[float, Floats, Floats]]:
    """Return weights, and features (n, d) wanted in the hole and offered by the source, to compare by cosine."""
    targets = []
    for kind, control in request.controls.items():
        if isinstance(control.content, Chords):
            named = _chord_tones(control.content, edges_s)
            targets += [(_COSTS.control, named, named), (_COSTS.sound, named, tones)]
        elif isinstance(control.content, Notes):
            roll, classes = _note_rolls(control.content, edges_s)
            share = _COSTS.control * 0.75
            targets += [(share, roll, roll), (share, classes, classes), (_COSTS.sound, classes, tones)]
        elif kind == "drums":
            bands = log_bands(control.audio.mono, control.audio.sample_rate)
            groove = _by_beat(bands, FEATURE_RATE, edges_s, 8, np.ones(len(bands), dtype=bool))
            targets.append((_COSTS.groove, groove, groove))
    return targets


def _chord_tones(chords: Chords, edges_s: Floats) -> Floats:
    """Return the share of each pitch class in every beat (n, 12), centred, of unit length; zero without a chord.

    Raises:
        BenchError: a label is not a chord.
    """
    import mir_eval

    rows = np.zeros((len(edges_s) - 1, 12))
    for (start, end), label in zip(chords.intervals_s, chords.labels, strict=True):
        if label in ("N", "X"):
            continue
        try:
            root, bitmap, _ = mir_eval.chord.encode(label)
        except mir_eval.chord.InvalidChordException as error:
            raise BenchError(f"control-chords.lab: {label!r} is no chord in Harte's notation; write C:maj") from error
        share = np.maximum(np.minimum(end, edges_s[1:]) - np.maximum(start, edges_s[:-1]), 0)
        rows += share[:, None] * np.roll(bitmap, root)
    return _unit(rows - rows.mean(axis=1, keepdims=True))


def _note_rolls(notes: Notes, edges_s: Floats) -> tuple[Floats, Floats]:
    """Return every beat's onsets by quarter beat and pitch, and centred pitch-class durations; rows of unit length."""
    n = len(edges_s) - 1
    roll, classes = np.zeros((n, 4, 128)), np.zeros((n, 12))
    for (start, end), pitch in zip(notes.intervals_s, notes.pitches, strict=True):
        place = np.interp(start, edges_s, np.arange(n + 1)) + 1 / 8
        beat = min(int(place), n - 1)
        roll[beat, min(int((place - beat) * 4), 3), pitch] += 1
        classes[:, pitch % 12] += np.maximum(np.minimum(end, edges_s[1:]) - np.maximum(start, edges_s[:-1]), 0)
    return _unit(roll.reshape(n, -1)), _unit(classes - classes.mean(axis=1, keepdims=True))


def _pieces(
    visible: Flags, holes_s: list[tuple[float, float]], grid: _Grid, costs: tuple[Floats, Floats], rate: int
) -> list[Piece]:
    """Choose a source for every beat of every hole."""
    counts, half = seen_counts(visible), round(FADE_S * rate) // 2
    cuts = np.rint((grid.edges_s - _EARLY_S) * rate).astype(np.int64)
    pieces: list[Piece] = []
    for start, end in (tuple(round(t * rate) for t in hole) for hole in holes_s):
        beats = np.flatnonzero((cuts[1:] > start + half) & (cuts[:-1] < end - half))
        if not len(beats):  # a hole hardly longer than a fade, inside one beat
            beats = np.array([max(int(np.searchsorted(cuts, start, side="right")) - 1, 0)])
        edges = [start, *(int(cut) for cut in cuts[beats[1:]]), end]
        sources, usable = [], []
        for j, a, b in zip(beats, edges, edges[1:], strict=False):
            at = a - cuts[j] + cuts[:-1]
            sources.append(at)
            usable.append(are_seen(counts, at - half, b - a + 2 * half))
        path = _cheapest(costs, beats, np.array(usable))
        for k, (a, b) in enumerate(itertools.pairwise(edges)):
            pieces += [Piece(a, b, int(sources[k][path[k]]))] if usable[k][path[k]] else tiled(visible, a, b)
    return merged(pieces, tolerance=round(_RUN_ON_S * rate))


def _in_step(pieces: list[Piece], body: Audio, visible: Flags) -> list[Piece]:
    """Move every source by up to 15 ms to the lag at which the waveform clearly repeats, if there is one."""
    likeness = likeness_at_lags(body.mono, visible)
    moved = []
    for piece in pieces:
        lag = clear_lag(likeness, abs(piece.lag), body.sample_rate)
        moved.append(replace(piece, source=piece.start + (lag if piece.lag > 0 else -lag)))
    return moved


def _cheapest(costs: tuple[Floats, Floats], beats: npt.NDArray[np.int64], usable: Flags) -> list[int]:
    """Return the source of every beat on the cheapest path from the beat before the hole to the beat after it."""
    local, joins = costs
    hidden = 1e6
    n = len(joins)
    before, behind = max(int(beats[0]) - 1, 0), min(int(beats[-1]) + 1, n - 1)
    total = joins[before] + local[beats[0]] + hidden * ~usable[0]
    back = []
    for j, can in zip(beats[1:], usable[1:], strict=True):
        reached = total[:, None] + joins
        back.append(np.argmin(reached, axis=0))
        total = reached.min(axis=0) + local[j] + hidden * ~can
    path = [int(np.argmin(total + joins[:, behind]))]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return path[::-1]
