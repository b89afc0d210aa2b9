"""Check: find all problems of a submission at once, before anything is scored."""

import unicodedata
from dataclasses import dataclass, field
from os.path import lexists
from pathlib import Path

import numpy as np

from bench import plugins
from bench.audio import Audio, is_silent, read_audio
from bench.checking.fingerprint import LIST_BYTES, fingerprint, overlap, read_list
from bench.checking.wav import Header, read_header
from bench.errors import BenchError, CheckFailed
from bench.example import ExampleSet
from bench.manifest import song_of
from bench.music.likeness import Resemblance, resemblance
from bench.submission import CARD, FAILED, SWAPPED, TRAINING, Submission, misnamed, not_plain, read_submission
from bench.task import Task
from bench.text import printable, shown

ENCODINGS = ("PCM_16", "PCM_24", "FLOAT")
LOUDEST = 1000.0
"""Largest sample accepted, 60 dB over full scale; beyond it, metrics may become infinite."""
_HEADER_BYTES = 64 * 1024
"""Allowance for headers and other chunks of a WAV."""
_CLIPPED_RUN = 8
_MOST_LINES, _MOST_LETTERS = 50, 400


@dataclass
class Findings:
    """Problems and flags of a submission, one line each.

    Attributes:
        problems: Reasons to refuse the submission: the file, what is wrong and what is wanted.
        flags: Oddities that are accepted and shown beside the scores.
    """

    problems: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def raise_if_any(self, folder: Path, is_strict: bool = False) -> None:
        """Raise all problems (with `is_strict`, flags too) in one message.

        Raises:
            CheckFailed: there are any.
        """
        bad = self.problems + (self.flags if is_strict else [])
        if bad:
            raise CheckFailed(
                f"{folder}: {len(bad)} problem{'s' * (len(bad) > 1)}\n" + "\n".join(f"  {p}" for p in bad)
            )


def check(folder: Path, task: Task, examples: ExampleSet | None = None) -> tuple[Submission | None, Findings]:
    """Check a submission's card, every output and the training list.

    Args:
        folder: The submission.
        task: The task that it should answer.
        examples: The requests that it should answer, with references if available; without them the ids are unknown
            and only the WAVs in the folder are checked.

    Returns:
        The submission, None if its card cannot be read, and the findings.
    """
    findings, failed, submission = Findings(), set[str](), None
    try:
        submission = read_submission(folder)
        _check_card(submission, task, examples, findings)
        failed = _failed(submission, examples, findings)
    except BenchError as error:
        findings.problems += _short(str(error), folder).splitlines()
        if not folder.is_dir():
            return None, findings
    _check_folder(folder, findings)
    ids = examples.ids if examples else [path.stem for path in _wavs(folder)]
    swapped = {path.name for path in _swapped(folder)}
    for name in ids:
        if name not in failed:
            _check_output(folder / f"{name}.wav", task, examples, findings)
        if f"{name}.wav" in swapped:
            _read_output(folder / SWAPPED / f"{name}.wav", task, findings, f"{SWAPPED}/{name}.wav")
    if not ids:
        findings.problems.append("holds no WAV")
    if lexists(training := folder / TRAINING):
        _check_training(training, examples, findings)
    _check_names(folder, ids, findings)
    return submission, findings


def _short(line: str, folder: Path) -> str:
    """Shorten paths in a message to names inside the folder."""
    return line.replace(f"{folder}/", "")


def _swapped(folder: Path) -> list[Path]:
    """Return the files in the folder of swapped outputs; none if it is missing or a link."""
    inner = folder / SWAPPED
    return sorted(inner.iterdir()) if inner.is_dir() and not inner.is_symlink() else []


def _wavs(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.wav") if not p.name.startswith(".") and not misnamed(p.name))


def _check_card(submission: Submission, task: Task, examples: ExampleSet | None, findings: Findings) -> None:
    card = submission.card
    if (card.task, card.task_version) != (task.name, task.version):
        findings.problems.append(
            f"{CARD}: answers {card.task}@{card.task_version}, asked for {task.name}@{task.version}; generate again"
        )
    if examples and card.manifest != examples.manifest.name:
        findings.problems.append(f"{CARD}: manifest is {card.manifest}, the examples are of {examples.manifest.name}")
    is_ours = card.system in plugins.names("models")
    if is_ours and card.notes != plugins.about("models", card.system):
        findings.problems.append(
            f"{CARD}: system is {card.system}, a model of this suite, but not as `bench generate` describes it; "
            "take another name"
        )


def _failed(submission: Submission, examples: ExampleSet | None, findings: Findings) -> set[str]:
    """Return the requests listed as failed; only a model of this suite may list any."""
    try:
        failed = set(submission.failures)
    except BenchError as error:
        findings.problems.append(_short(str(error), submission.folder))
        return set()
    if failed and submission.card.system not in plugins.names("models"):
        findings.problems.append(
            f"{FAILED}: is for models of this suite, run by `bench generate`; answer every request"
        )
        return set()
    strange = sorted(failed - set(examples.ids)) if examples else []
    both = sorted(name for name in failed if not misnamed(name) and lexists(submission.output(name)))
    for names, what in ((strange, "are no requests"), (both, "have an output all the same")):
        if names:
            findings.problems.append(f"{FAILED}: {len(names)} of its ids {what}: {_listed(names)}")
    return failed


def _missing(name: str) -> str:
    return f"{name}: missing"


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names[:5]) + ", ..." * (len(names) > 5)


def _check_folder(folder: Path, findings: Findings) -> None:
    """Refuse everything that is not a plain file with a plain name."""
    refused = []
    for path in [*sorted(folder.iterdir()), *_swapped(folder)]:
        name = _short(str(path), folder)
        if wrong := misnamed(path.name):
            refused.append(f"{shown(name)}: {wrong}")
        elif path.suffix == ".wav" or path.name in (FAILED, TRAINING) or (path.is_dir() and not path.is_symlink()):
            continue  # checked by the function that reads it
        elif wrong := not_plain(path):
            refused.append(f"{name}: {wrong}")
    findings.problems += _at_most(refused, "more files are refused in the same way")


def _at_most(lines: list[str], rest: str) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"{more} {rest}"] if more > 0 else [])]


def _check_names(folder: Path, ids: list[str], findings: Findings) -> None:
    """Flag files that are not scored, and those whose names look like the name of an output."""
    wanted = {_alike(f"{name}.wav"): f"{name}.wav" for name in ids}
    known = {*wanted.values(), CARD, FAILED, SWAPPED, TRAINING}
    here = [path.name for path in folder.iterdir() if path.name not in known]
    here += [f"{SWAPPED}/{path.name}" for path in _swapped(folder) if path.name not in wanted.values()]
    surplus = sorted(name for name in here if not name.rpartition("/")[2].startswith("."))
    if surplus:
        findings.flags.append(f"{len(surplus)} surplus files are not scored: {_listed(surplus)}")
    for name in surplus:
        if (like := wanted.get(_alike(name.rpartition("/")[2]))) is not None:
            findings.flags.append(f"{shown(name)}: looks like {like} and is not")
            if (missing := _missing(like)) in findings.problems and "/" not in name:
                place = findings.problems.index(missing)
                findings.problems[place] = f"{missing}; {shown(name)} looks like it and is not: give it that name"


def _alike(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace(" ", "").replace("_", "-")


def _check_training(path: Path, examples: ExampleSet | None, findings: Findings) -> None:
    """Flag songs of the training list that match test songs, by name or by sound."""
    try:
        if wrong := not_plain(path, LIST_BYTES):
            raise CheckFailed(f"{path}: {wrong}")
        training = read_list(path)
    except BenchError as error:
        findings.problems.append(_short(str(error), path.parent))
        return
    if examples is None:
        return
    names = {name for excerpt in examples.manifest.excerpts for name in (song_of(excerpt.id), excerpt.track)}
    references = {name: examples.folder / "references" / f"{name}.wav" for name in examples.ids}
    here = {name: fingerprint(read_audio(where)) for name, where in references.items() if where.exists()}
    alike = [f"{path.name}: {printable(line)[:_MOST_LETTERS]}" for line in overlap(training, sorted(names), here)]
    findings.flags += _at_most(alike, "more songs are like test songs")


def _check_output(path: Path, task: Task, examples: ExampleSet | None, findings: Findings) -> None:
    if not lexists(path):
        findings.problems.append(_missing(path.name))
        return
    audio = _read_output(path, task, findings, path.name)
    if audio is not None:
        _flag(path.stem, audio.mono, task, examples, findings)


def _read_output(path: Path, task: Task, findings: Findings, name: str) -> Audio | None:
    """Read an output; it is decoded only if its header is consistent and of the task's format. None if refused."""
    try:
        if wrong := not_plain(path):
            raise CheckFailed(wrong)
        header = read_header(path)
        findings.flags += [f"{name}: {what}, which is not scored" for what in header.surplus]
        complaints = _wrong_format(header, task)
        if not complaints and (wrong := not_plain(path, 4 * task.n_samples + _HEADER_BYTES)):
            raise CheckFailed(wrong)
        if not complaints:
            return _bounded(read_audio(path))
    except BenchError as error:
        complaints = [str(error).removeprefix(f"{path}: ")]
    findings.problems += [f"{name}: {one}" for one in complaints]
    return None


def _wrong_format(header: Header, task: Task) -> list[str]:
    """List where a header differs from the format of the task's outputs."""
    wrong = []
    if header.encoding not in ENCODINGS:
        wrong.append(f"WAV {header.encoding}, want WAV of {', '.join(ENCODINGS)}")
    if header.sample_rate != task.sample_rate:
        wrong.append(f"{header.sample_rate} Hz, want {task.sample_rate} Hz")
    if header.channels != 1:
        wrong.append(f"{header.channels} channels, want mono")
    if header.n_samples != task.n_samples:
        wrong.append(f"{header.n_samples} samples, want exactly {task.n_samples}")
    return wrong


def _bounded(audio: Audio) -> Audio:
    if (loudest := float(np.abs(audio.samples).max())) > LOUDEST:
        raise CheckFailed(f"a sample is {loudest:.3g}, want -1 to 1 and never beyond {LOUDEST:g}")
    return audio


def _flag(name: str, samples: np.ndarray, task: Task, examples: ExampleSet | None, findings: Findings) -> None:
    inside = task.mask_of(name).inside(task.sample_rate)
    hole = samples[inside] if len(samples) == len(inside) else samples
    if is_silent(hole):
        findings.flags.append(f"{name}: silent in the hole")
    elif np.ptp(hole) == 0:
        findings.flags.append(f"{name}: constant in the hole")
    if _longest_run(np.abs(samples) >= 1.0) >= _CLIPPED_RUN:
        findings.flags.append(f"{name}: clipped")
    reference = examples.folder / "references" / f"{name}.wav" if examples else None
    if reference is not None and reference.exists():
        original = read_audio(reference).mono
        if original.shape == samples.shape:
            findings.flags += _copies(name, samples, original, inside, task.sample_rate)


def _copies(name: str, samples: np.ndarray, original: np.ndarray, inside: np.ndarray, sample_rate: int) -> list[str]:
    """Flag outputs that copy the reference in the hole, or return the request unchanged."""
    values, reference = samples.astype(np.float64), original.astype(np.float64)
    flags = []
    if (alike := resemblance(reference[inside], values[inside], sample_rate)).is_equal:
        flags.append(f"{name}: equals the reference in the hole ({_difference(alike)})")
    if (alike := resemblance(np.where(inside, 0.0, reference), values, sample_rate)).is_equal:
        flags.append(f"{name}: hands the request back as it was ({_difference(alike)})")
    return flags


def _difference(alike: Resemblance) -> str:
    exact = "to the sample" if np.isneginf(alike.residual_db) else f"to {alike.residual_db:.0f} dB"
    return f"{exact}, gain {alike.gain:.3g}, {1000 * alike.lag_s:.3g} ms late"


def _longest_run(flags: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int(max(edges[1::2] - edges[::2], default=0))
