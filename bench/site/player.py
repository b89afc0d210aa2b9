"""Player: the page on which one example is heard and seen, all its tracks on one clock."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.example import Example
from bench.site.markup import document, json_block, text
from bench.site.sounds import Track, gains_db, louder, opus, tracks_of
from bench.site.spectrogram import levels, picture
from bench.symbols import Beats, Chords

KEYS = (
    ("space", "play and pause"),
    ("1 – 9, 0", "switch to a track"),
    ("← →", "a second back or on"),
    ("h", "to just before the next hole"),
    ("Home", "to the beginning"),
)


@dataclass(frozen=True)
class Stage:
    """What stands around an example's player.

    Attributes:
        task: Its task.
        manifest: Its manifest.
        outputs: Systems and where their outputs lie, in order.
        scores: What is printed beside a system's name, by system.
    """

    task: str
    manifest: str
    outputs: Sequence[tuple[str, Path]] = ()
    scores: dict[str, str] = field(default_factory=dict)


def player_page(example: Example, stage: Stage) -> str:
    """Return the page of one example with its sounds and pictures inside it."""
    tracks, troubles = tracks_of(example, stage.outputs)
    gains = gains_db(tracks)
    heard = [louder(track.audio, gain) for track, gain in zip(tracks, gains, strict=True)]
    drawn = [levels(audio) for audio in heard]
    top = max(float(level.max()) for level in drawn)
    rows = [
        _row(number, track, gain, picture(level, top), example, stage.scores.get(track.name, ""))
        for number, (track, gain, level) in enumerate(zip(tracks, gains, drawn, strict=True), 1)
    ]
    sounds = {
        "duration": example.reference.duration_s,
        "holes": [list(hole) for hole in example.request.mask.holes_s],
        "tracks": [base64.b64encode(opus(audio)).decode() for audio in heard],
    }
    name = example.request.id
    main = f"""{_heading(name, stage, example.request.prompt)}
{_deck(example.reference.duration_s)}
<ul class="lanes">{_lanes(example)}</ul>
<ol class="tracks" aria-label="Tracks">{"".join(rows)}</ol>
{"".join(f"<p class='box'>{text(trouble)}</p>" for trouble in troubles)}
{_legend()}
{json_block("sounds", sounds)}"""
    return document(f"{name}: {stage.task}", main, root="../../../", scripts=["player.js"])


def _heading(name: str, stage: Stage, prompt: str) -> str:
    said = f"{text(stage.task)} on {text(stage.manifest)}" + (f" · “{text(prompt)}”" if prompt else "")
    back = f'<a href="../../../index.html#task-{text(stage.task)}">← tables and other examples</a>'
    return f"<p>{back}</p><h1>{text(name)}</h1><p>{said}</p>"


def _deck(duration_s: float) -> str:
    return f"""<div class="deck"><button type="button" id="play" aria-keyshortcuts="Space">Play</button>
<button type="button" id="to-hole" aria-keyshortcuts="h">To the hole</button>
<input type="range" id="position" min="0" max="{duration_s:g}" step="0.01" value="0" aria-label="Position in seconds">
<output id="clock">0.0 / {duration_s:.1f} s</output></div>
<p id="status" role="status"></p>
<noscript><p class="box">Without scripts this page is silent; the pictures are all there.</p></noscript>"""


def _legend() -> str:
    keys = " · ".join(f"<kbd>{key}</kbd> {meaning}" for key, meaning in KEYS)
    return (
        f'<p class="keys"><span class="shortcuts">{keys}. </span>A click on a picture goes there, on that track.</p>'
        '<p class="keys">All tracks are brought to one loudness (LUFS of the whole); the gain stands beside each. '
        "The tinted stretch is the hole that a system had to fill; pictures show 50 Hz to 14 kHz.</p>"
    )


def _row(number: int, track: Track, gain_db: float, image: bytes, example: Example, score: str) -> str:
    key = f"<kbd>{number % 10}</kbd> " if number <= 10 else ""
    shortcut = f' aria-keyshortcuts="{number % 10}"' if number <= 10 else ""
    about = f"{gain_db:+.1f} dB".replace("-", "−") + (f" · {score}" if score else "")
    name, source = text(track.name), f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return f"""<li class="track">
<button type="button" class="choose"{shortcut} aria-pressed="{"true" if number == 1 else "false"}">
{key}<span class="name">{name}</span><small>{text(about)}</small></button>
<div class="picture"><img alt="Spectrogram of {name}" src="{source}" draggable="false">
{_holes(example)}<span class="needle"></span></div></li>"""


def _holes(example: Example) -> str:
    whole, parts = example.reference.duration_s, []
    for start, end in example.request.mask.holes_s:
        left, right = _share(start, whole), _share(end, whole)
        width = _share(end - start, whole)
        parts.append(f'<rect class="hole" x="{left}" width="{width}" height="100%"/>')
        parts += [f'<line class="edge" x1="{x}" x2="{x}" y2="100%"/>' for x in (left, right)]
    return f'<svg aria-hidden="true">{"".join(parts)}</svg>'


def _lanes(example: Example) -> str:
    """Draw the chords and beats of the control, else of the truth; what is unknown has no lane."""
    control = example.request.controls.get("chords")
    chords = control.content if control else example.truth.chords
    beats = (control.beats if control else None) or example.truth.beats
    whole, lanes = example.reference.duration_s, []
    if isinstance(chords, Chords) and len(chords.labels):
        lanes.append(_lane("chords", 22, _chords(chords.cut(0, whole), whole), " ".join(chords.labels)))
    if isinstance(beats, Beats) and len(beats.times_s):
        shown = beats.cut(0, whole)
        lanes.append(_lane("beats", 12, _beats(shown, whole), f"{len(shown.times_s)} beats"))
    return "".join(lanes)


def _lane(name: str, height: int, inside: str, label: str) -> str:
    svg = f'<svg height="{height}" role="img" aria-label="{text(f"{name}: {label}")}">{inside}</svg>'
    return f'<li class="lane"><span>{name}</span>{svg}</li>'


def _chords(chords: Chords, whole: float) -> str:
    # A box of its own cuts a name that is wider than its chord.
    return "".join(
        f'<svg x="{_share(start, whole)}" width="{_share(end - start, whole)}" height="22"><title>{text(label)}</title>'
        f'<rect class="chord" width="100%" height="22"/>'
        f'<text class="chord-name" x="4" y="15">{text(label)}</text></svg>'
        for (start, end), label in zip(chords.intervals_s, chords.labels, strict=True)
    )


def _beats(beats: Beats, whole: float) -> str:
    bars = set(beats.downbeats_s.tolist())
    return "".join(
        f'<line class="{"bar" if time in bars else "beat"}" x1="{x}" x2="{x}" y1="{0 if time in bars else 4}" y2="12"/>'
        for time in beats.times_s.tolist()
        for x in [_share(time, whole)]
    )


def _share(part_s: float, whole_s: float) -> str:
    return f"{100 * part_s / whole_s:.3f}%"
