"""Baseline: fill holes with visible beats of the same song that match the control and join well; keep given drums."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.example import Request
from bench.models.retrieval.features import Flags, Grid, by_beat, chord_tones, note_rolls, spread, strays
from bench.models.retrieval.path import in_step, pieces_of
from bench.music.metre import (
    FEATURE_RATE,
    bar_length,
    fitted_grid,
    likeness_at_lags,
    log_bands,
    sharpened,
    tempo_of,
    visible_frames,
)
from bench.music.splice import FADE_S, assembled, filled, spliced
from bench.protocols import Extractor, Model
from bench.symbols import Beats, Chords, Floats, Frames, Notes

_OWN_GAIN = (0.8, 1.25)
"""If the gain of the given drums in the context is within these bounds, they are the song's own and are subtracted."""


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
        pieces = in_step(pieces_of(visible, mask.holes_s, grid, costs, rate), body, visible)
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

    def _grid(self, request: Request) -> Grid:
        """Return the beats of the excerpt: those given with the chords, else tracked in context and controls."""
        masked, duration_s = request.masked, request.masked.duration_s
        given = request.controls["chords"].beats if "chords" in request.controls else None
        controls = _summed(request, request.controls)
        guide = filled(masked, request.mask, controls)
        bands = log_bands(guide.mono, masked.sample_rate)
        seen = visible_frames(request.mask.holes_s if not controls.any() else [], len(bands))
        if given is not None and len(np.unique(given.times_s)) >= 4:
            return spread(given, duration_s, 4)
        tracked = self._beats.extract(guide)
        steady = fitted_grid(bands, seen, tempo_of(tracked))
        bar = bar_length(bands, seen, steady)
        is_guided = bool(controls.any())
        repeating = controls if is_guided else masked.mono
        known = np.ones(len(repeating), dtype=bool) if is_guided else ~request.mask.inside(masked.sample_rate)
        steady = sharpened(replace(steady, beats_per_bar=bar), likeness_at_lags(repeating, known), masked.sample_rate)
        if is_guided and isinstance(tracked, Beats) and strays(tracked, steady.phase_s, steady.period_s):
            return spread(Beats(tracked.times_s), duration_s, bar)
        return spread(Beats(steady.times_s(duration_s)), duration_s, bar)

    def _costs(self, request: Request, body: Audio, grid: Grid) -> tuple[Floats, Floats]:
        """Return the costs of source beat q for hole beat j, and of q after p; both (n, n)."""
        edges, n = grid.edges_s, len(grid.edges_s) - 1
        seen = visible_frames(request.mask.holes_s, int(body.duration_s * FEATURE_RATE) + 1)
        texture = by_beat(log_bands(body.mono, body.sample_rate), FEATURE_RATE, edges, 2, seen)
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
        return by_beat(centred, chroma.rate_hz, edges_s, 1, seen, is_centred=True)


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


def _targets(request: Request, edges_s: Floats, tones: Floats) -> list[tuple[float, Floats, Floats]]:
    """Return weights, and features (n, d) wanted in the hole and offered by the source, to compare by cosine."""
    targets = []
    for kind, control in request.controls.items():
        if isinstance(control.content, Chords):
            named = chord_tones(control.content, edges_s)
            targets += [(_COSTS.control, named, named), (_COSTS.sound, named, tones)]
        elif isinstance(control.content, Notes):
            roll, classes = note_rolls(control.content, edges_s)
            share = _COSTS.control * 0.75
            targets += [(share, roll, roll), (share, classes, classes), (_COSTS.sound, classes, tones)]
        elif kind == "drums":
            bands = log_bands(control.audio.mono, control.audio.sample_rate)
            groove = by_beat(bands, FEATURE_RATE, edges_s, 8, np.ones(len(bands), dtype=bool))
            targets.append((_COSTS.groove, groove, groove))
    return targets
