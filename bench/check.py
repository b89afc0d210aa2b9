"""Check: every problem of a submission at once, before anything is scored."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, is_silent, read_audio
from bench.build import ExampleSet
from bench.errors import BenchError, CheckFailed
from bench.fingerprint import fingerprint, overlap, read_list
from bench.leaks import Resemblance, resemblance
from bench.manifest import song_of
from bench.submission import CARD, FAILED, SWAPPED, TRAINING, Submission, read_submission
from bench.task import Task

SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
_CLIPPED_RUN = 8


@dataclass
class Findings:
    """What a check found.

    Attributes:
        problems: Each refuses the submission; one line, naming file, what is wrong and what is wanted.
        flags: Each is accepted and shown beside the scores.
    """

    problems: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def raise_if_any(self, folder: Path, is_strict: bool = False) -> None:
        """Refuse the submission with all its problems (with `is_strict`, its flags too) in one message.

        Raises:
            CheckFailed: there are some.
        """
        bad = self.problems + (self.flags if is_strict else [])
        if bad:
            raise CheckFailed(
                f"{folder}: {len(bad)} problem{'s' * (len(bad) > 1)}\n" + "\n".join(f"  {p}" for p in bad)
            )


def check(folder: Path, task: Task, examples: ExampleSet | None = None) -> tuple[Submission | None, Findings]:
    """Look at a submission's card and every output.

    Args:
        folder: The submission.
        task: The task that it should answer.
        examples: The requests (and, where they are here, references) that it should answer; without them the ids
            cannot be known and only the WAVs that are there are looked at.
    """
    found = Findings()
    try:
        submission = read_submission(folder)
    except BenchError as error:
        found.problems.append(str(error))
        return None, found
    _check_card(submission, task, examples, found)
    ids = examples.ids if examples else sorted(path.stem for path in folder.glob("*.wav"))
    failed = submission.failures
    for name in ids:
        if name not in failed:
            _check_output(submission.output(name), task, examples, found)
        if (swapped := folder / SWAPPED / f"{name}.wav").exists():
            _read_output(swapped, task, found, f"{SWAPPED}/{name}.wav")
    if not ids:
        found.problems.append(f"{folder}: holds no WAV")
    if (training := folder / TRAINING).exists() and examples is not None:
        _check_training(training, examples, found)
    known = {f"{name}.wav" for name in ids} | {CARD, FAILED, SWAPPED, TRAINING}
    surplus = sorted(path.name for path in folder.iterdir() if path.name not in known and not path.name.startswith("."))
    if surplus:
        found.flags.append(f"{len(surplus)} surplus files are not scored: {', '.join(surplus[:5])}")
    return submission, found


def _check_card(submission: Submission, task: Task, examples: ExampleSet | None, found: Findings) -> None:
    card, path = submission.card, submission.folder / CARD
    if (card.task, card.task_version) != (task.name, task.version):
        found.problems.append(
            f"{path}: answers {card.task}@{card.task_version}, asked for {task.name}@{task.version}; generate again"
        )
    if examples and card.manifest != examples.manifest.name:
        found.problems.append(f"{path}: manifest is {card.manifest}, the examples are of {examples.manifest.name}")


def _check_training(path: Path, examples: ExampleSet, found: Findings) -> None:
    """Match what a system says it was trained on against the test songs, by name and by sound."""
    try:
        training = read_list(path)
    except BenchError as error:
        found.problems.append(str(error))
        return
    names = {name for excerpt in examples.manifest.excerpts for name in (song_of(excerpt.id), excerpt.track)}
    references = {name: examples.folder / "references" / f"{name}.wav" for name in examples.ids}
    here = {name: fingerprint(read_audio(where)) for name, where in references.items() if where.exists()}
    found.flags += [f"{path.name}: {line}" for line in overlap(training, sorted(names), here)]


def _check_output(path: Path, task: Task, examples: ExampleSet | None, found: Findings) -> None:
    if not path.exists():
        found.problems.append(f"{path.name}: missing")
        return
    audio = _read_output(path, task, found, path.name)
    if audio is not None:
        _flag(path.stem, audio.mono, task, examples, found)


def _read_output(path: Path, task: Task, found: Findings, name: str) -> Audio | None:
    """Read an output; nothing of a wrong shape is decoded, however large it says it is."""
    import soundfile

    try:
        wrong = _misshapen(soundfile.info(path), task)
        if not wrong:
            return read_audio(path)
    except (BenchError, OSError, RuntimeError) as error:
        wrong = [str(error) if isinstance(error, BenchError) else f"cannot be read ({error})"]
    found.problems += [f"{name}: {one.removeprefix(f'{path}: ')}" for one in wrong]
    return None


def _misshapen(info: Any, task: Task) -> list[str]:
    """Say what of a file's header is not as the task wants it."""
    wrong = []
    if info.format not in ("WAV", "WAVEX") or info.subtype not in SUBTYPES:
        wrong.append(f"{info.format} {info.subtype}, want WAV of {', '.join(SUBTYPES)}")
    if info.samplerate != task.sample_rate:
        wrong.append(f"{info.samplerate} Hz, want {task.sample_rate} Hz")
    if info.channels != 1:
        wrong.append(f"{info.channels} channels, want mono")
    if info.frames != task.n_samples:
        wrong.append(f"{info.frames} samples, want exactly {task.n_samples}")
    return wrong


def _flag(name: str, samples: np.ndarray, task: Task, examples: ExampleSet | None, found: Findings) -> None:
    inside = task.mask_of(name).inside(task.sample_rate)
    hole = samples[inside] if len(samples) == len(inside) else samples
    if is_silent(hole):
        found.flags.append(f"{name}: silent in the hole")
    elif np.ptp(hole) == 0:
        found.flags.append(f"{name}: constant in the hole")
    if _longest_run(np.abs(samples) >= 1.0) >= _CLIPPED_RUN:
        found.flags.append(f"{name}: clipped")
    reference = examples.folder / "references" / f"{name}.wav" if examples else None
    if reference is not None and reference.exists():
        original = read_audio(reference).mono
        if original.shape == samples.shape:
            found.flags += _too_like(name, samples, original, inside, task.sample_rate)


def _too_like(name: str, samples: np.ndarray, original: np.ndarray, inside: np.ndarray, sample_rate: int) -> list[str]:
    """Flag what cannot be an answer of its own: the reference in the hole, or the request handed back."""
    values, wanted = samples.astype(np.float64), original.astype(np.float64)
    flags = []
    if (alike := resemblance(wanted[inside], values[inside], sample_rate)).is_equal:
        flags.append(f"{name}: equals the reference in the hole ({_difference(alike)})")
    if (alike := resemblance(np.where(inside, 0.0, wanted), values, sample_rate)).is_equal:
        flags.append(f"{name}: hands the request back as it was ({_difference(alike)})")
    return flags


def _difference(alike: Resemblance) -> str:
    exact = "to the sample" if np.isneginf(alike.residual_db) else f"to {alike.residual_db:.0f} dB"
    return f"{exact}, gain {alike.gain:.3g}, {1000 * alike.lag_s:.3g} ms late"


def _longest_run(flags: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int(max(edges[1::2] - edges[::2], default=0))
