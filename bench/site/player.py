"""Player: the page that plays all tracks of one example in sync and shows their spectrograms."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.example import Example
from bench.site.markup import document
from bench.site.sounds import Track, gains_db, louder, opus, tracks_of
from bench.site.spectrogram import levels, picture
from bench.symbols import Beats, Chords


@dataclass(frozen=True)
class Stage:
    """What a player page shows besides the example.

    Attributes:
        task: Its task.
        manifest: Its manifest.
        outputs: Systems and the paths of their outputs, in order.
        scores: Text printed beside a system's name, by system.
    """

    task: str
    manifest: str
    outputs: Sequence[tuple[str, Path]] = ()
    scores: dict[str, str] = field(default_factory=dict)


def player_page(example: Example, stage: Stage) -> str:
    """Return the page of one example, which contains its sounds and pictures."""
    tracks, troubles = tracks_of(example, stage.outputs)
    gains = gains_db(tracks)
    levelled = [louder(track.audio, gain) for track, gain in zip(tracks, gains, strict=True)]
    spectra = [levels(audio) for audio in levelled]
    top_db = max(float(level.max()) for level in spectra)
    sounds = {
        "duration": example.reference.duration_s,
        "holes": [list(hole) for hole in example.request.mask.holes_s],
        "tracks": [base64.b64encode(opus(audio)).decode() for audio in levelled],
    }
    return document(
        "player.html",
        root="../../../",
        scripts=["player.js"],
        name=example.request.id,
        stage=stage,
        prompt=example.request.prompt,
        duration_s=example.reference.duration_s,
        holes=_holes(example),
        tracks=[
            _track(track, gain, picture(level, top_db), stage.scores.get(track.name, ""))
            for track, gain, level in zip(tracks, gains, spectra, strict=True)
        ],
        troubles=troubles,
        sounds=sounds,
        **_lanes(example),
    )


def _track(track: Track, gain_db: float, image: bytes, score: str) -> dict[str, str]:
    about = f"{gain_db:+.1f} dB".replace("-", "−") + (f" · {score}" if score else "")
    # Our own picture in base64, which needs no escaping and is longer than the limit of `text`.
    source = Markup(f"data:image/png;base64,{base64.b64encode(image).decode()}")  # noqa: S704
    return {"name": track.name, "about": about, "picture": source}


def _holes(example: Example) -> list[tuple[str, str, str]]:
    """Return start, end and width of every hole as percentages of the whole."""
    whole = example.reference.duration_s
    return [(_share(a, whole), _share(b, whole), _share(b - a, whole)) for a, b in example.request.mask.holes_s]


def _lanes(example: Example) -> dict[str, Any]:
    """Return the chords and beats of the control, or else of the truth; None if unknown."""
    control = example.request.controls.get("chords")
    chords = control.content if control else example.truth.chords
    beats = (control.beats if control else None) or example.truth.beats
    whole = example.reference.duration_s
    lanes: dict[str, Any] = {"chords": None, "beats": None}
    if isinstance(chords, Chords) and len(chords.labels):
        shown = chords.cut(0, whole)
        named = zip(shown.intervals_s, shown.labels, strict=True)
        drawn = [(_share(a, whole), _share(b - a, whole), label) for (a, b), label in named]
        lanes["chords"] = {"label": f"chords: {' '.join(chords.labels)}", "drawn": drawn}
    if isinstance(beats, Beats) and len(beats.times_s):
        times, bars = beats.cut(0, whole).times_s.tolist(), set(beats.cut(0, whole).downbeats_s.tolist())
        marks = [(_share(time, whole), time in bars) for time in times]
        lanes["beats"] = {"label": f"beats: {len(times)} beats", "drawn": marks}
    return lanes


def _share(part_s: float, whole_s: float) -> str:
    return f"{100 * part_s / whole_s:.3f}%"
