"""Look: draw spectrograms of an example's reference, request and outputs, with holes, beats and chords."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, read_audio
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.example import Example, ExampleSet
from bench.paths import atomic
from bench.runtime.locks import import_librosa
from bench.symbols import Beats, Chords

_N_FFT, _HOP, _BANDS, _RANGE_DB = 2048, 512, 96, 70.0


def look(examples: ExampleSet, name: str, submissions: Path, path: Path) -> Path:
    """Draw one example to a PNG.

    Args:
        examples: The built task.
        name: The excerpt's id.
        submissions: Folder with one submission per system; each output for this excerpt becomes a panel.
        path: The PNG to write.

    Returns:
        `path`.

    Raises:
        UnknownName: no excerpt has this id.
        BenchError: sounds differ in length.
        MissingComponent: matplotlib is not installed.
    """
    if name not in examples.ids:
        raise UnknownName("example", name, examples.ids)
    example = examples.example(name)
    panels = _panels(example, sorted(submissions.glob(f"*/{name}.wav")))
    figure, axes = _figure(len(panels))
    top = max(_log_mel(audio).max() for _, audio in panels)
    for axis, (title, audio) in zip(axes, panels, strict=True):
        _draw(axis, title, audio, example, top)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(f"{examples.task.name} · {examples.manifest.name} · {name}")
    with atomic(path, "--png") as part:
        figure.savefig(part, dpi=80, format="png")
    return path


def _panels(example: Example, outputs: list[Path]) -> list[tuple[str, Audio]]:
    panels = [("reference", example.reference), ("masked", example.request.masked)]
    panels += [(f"control: {kind}", control.audio) for kind, control in example.request.controls.items()]
    panels += [(output.parent.name, read_audio(output)) for output in outputs]
    wanted = example.reference.n_samples
    if odd := [title for title, audio in panels if audio.n_samples != wanted]:
        raise BenchError(
            f"{example.request.id}: {', '.join(odd)} differ in length from the reference ({wanted} samples)"
        )
    return panels


def _figure(n: int) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingComponent("bench look needs matplotlib; get it with `pip install 'steerbench[report]'`") from error
    figure = Figure(figsize=(14, 1.9 * n), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(n, 1, sharex=True))


def _log_mel(audio: Audio) -> Any:
    """Return the log-mel spectrogram in dB, shape (bands, frames)."""
    import librosa

    import_librosa()
    power = librosa.feature.melspectrogram(
        y=audio.mono, sr=audio.sample_rate, n_fft=_N_FFT, hop_length=_HOP, n_mels=_BANDS
    )
    return 10 * np.log10(np.maximum(power, 1e-10))


def _draw(axis: Any, title: str, audio: Audio, example: Example, top: float) -> None:
    extent = (0.0, audio.duration_s, 0, _BANDS)
    axis.imshow(
        _log_mel(audio), origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - _RANGE_DB, vmax=top
    )
    axis.set_title(title, loc="left", fontsize=9, pad=2)
    axis.set_yticks([])
    for start, end in example.request.mask.holes_s:
        for edge in (start, end):
            axis.axvline(edge, color="cyan", linewidth=1.2)
    if title in ("reference", "control: chords"):
        _annotate(axis, example)


def _annotate(axis: Any, example: Example) -> None:
    control = example.request.controls.get("chords")
    chords = control.content if control else example.truth.chords
    beats = (control.beats if control else None) or example.truth.beats or Beats()
    axis.vlines(beats.times_s, _BANDS - 6, _BANDS, color="white", linewidth=0.6)
    axis.vlines(beats.downbeats_s, _BANDS - 14, _BANDS, color="white", linewidth=1.2)
    if isinstance(chords, Chords):
        for (start, end), label in zip(chords.intervals_s, chords.labels, strict=True):
            axis.text((start + end) / 2, 4, label, color="white", fontsize=7, ha="center", clip_on=True)
            axis.axvline(start, color="white", linewidth=0.4, ymax=0.2)
