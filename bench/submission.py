"""Submissions: a folder of outputs and a card; every system is scored through one."""

import math
import re
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from os.path import lexists
from pathlib import Path
from typing import Any

from bench.errors import BenchError, CheckFailed
from bench.formats import KINDS, MAX_BYTES, dump_yaml, read_yaml
from bench.paths import write_text
from bench.text import UNSEEN, shown

CARD = "submission.yaml"
FAILED = "failed.yaml"
SWAPPED = "swapped"
"""Subfolder of outputs made with another song's control; `adherence` is scored from them."""
TRAINING = "training-list.txt"
"""List of the songs that the system was trained on, one per line: the name, and after a tab the song's landmarks if
`bench fingerprint FOLDER` made the list."""
STITCHED = "-stitched"
"""Suffix of a second set of rows, scored with the given context put back."""
MEASURED = ("generation_seconds", "generation_rate", "peak_memory_mib")
"""Keys of a card that differ between runs."""
SPEED = ("hardware", "batch_size", *MEASURED)
MAX_LETTERS = {"notes": 2000, "training_data": 2000, "identity": 2000}
"""Longest texts of a card in characters by key; `MAX_LINE` for all other keys."""
MAX_LINE = 200
MAX_NUMBER = 10**15
"""Upper bound of a card's numbers."""
_COUNTS = ("parameters", "trainable_parameters", "batch_size", *MEASURED)
_NAMES = ("system", "task", "manifest")
_NEEDED = ("system", "task", "task_version", "manifest")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_FILE = re.compile(r"(?=.{1,140}$)\.?[A-Za-z0-9_()+-]+([ .]+[A-Za-z0-9_()+-]+)*")
_KINDS = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a fifo", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True)
class Card:
    """The card of a submission, submission.yaml.

    Attributes:
        system: Name of the system in tables, `[a-z0-9][a-z0-9.-]{0,63}`.
        task: The task that the outputs answer.
        task_version: Its version.
        manifest: The manifest of the requests.
        contact: Who answers questions.
        training_data: What the system was trained on.
        paper: Where it is described.
        parameters: Number of parameters; 0 for none.
        trainable_parameters: Number of parameters trained for the task; 0 for none.
        notes: Anything a reader should know.
        hardware: What it ran on.
        generation_seconds: Wall-clock seconds for all outputs; 0 when unknown.
        generation_rate: Seconds of sound generated per second; 0 when unknown.
        batch_size: Requests per batch; 0 when unknown.
        peak_memory_mib: Peak memory of the process, or on a GPU of its tensors; 0 when unknown.
        keeps_phase: Whether its outputs keep the phases of the given sound; false for a codec that makes its own, whose
            waveform columns are marked and do not rank.
        identity: Everything that changes its outputs, including the sha256 of its weight files; empty when unknown.
    """

    system: str
    task: str
    task_version: int
    manifest: str
    contact: str = ""
    training_data: str = ""
    paper: str = ""
    parameters: int = 0
    trainable_parameters: int = 0
    notes: str = ""
    hardware: str = ""
    generation_seconds: float = 0.0
    generation_rate: float = 0.0
    batch_size: int = 0
    peak_memory_mib: float = 0.0
    keeps_phase: bool = True
    identity: str = ""

    def __post_init__(self) -> None:
        """Refuse values of a wrong type and names that are not allowed in paths, all in one message, a line each."""
        wrong = [(c.name, _unfit(c.name, getattr(self, c.name), c.type)) for c in fields(self)]
        if lines := [f"{key}: {why}" for key, why in wrong if why]:
            raise BenchError("\n".join(lines))


@dataclass(frozen=True)
class Submission:
    """A folder of `<id>.wav` and its card."""

    folder: Path
    card: Card

    def output(self, name: str) -> Path:
        """Return the path of a request's output."""
        return self.folder / f"{name}.wav"

    @property
    def failures(self) -> dict[str, str]:
        """The reason of failure by request, for requests on which the model failed; only `bench generate` writes it.

        Raises:
            CheckFailed: the file is a link, too large, or not a mapping.
        """
        path = self.folder / FAILED
        if not lexists(path):
            return {}
        return {key: str(value)[:MAX_LINE] for key, value in _read(path).items()}


def read_submission(folder: Path) -> Submission:
    """Read a submission's card.

    Raises:
        BenchError: no such folder.
        CheckFailed: the card is missing, not a regular file, or has an unknown, missing or wrong key.
    """
    if not folder.is_dir():
        raise BenchError(f"{folder}: no such folder; give the folder that holds {CARD} and the WAVs")
    path = folder / CARD
    known = [column.name for column in fields(Card)]
    if not lexists(path):
        raise CheckFailed(f"{path}: missing; a submission needs a card ({', '.join(known)})")
    keys = _read(path, known, _NEEDED)
    try:
        return Submission(folder, Card(**keys))
    except BenchError as error:
        raise CheckFailed("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def write_card(folder: Path, card: Card) -> None:
    """Write the card into a submission's folder; an empty identity is left out."""
    write_text(folder / CARD, dump_yaml({key: v for key, v in asdict(card).items() if key != "identity" or v}))


def misnamed(name: str) -> str:
    """Return why a file of a submission may not have this name; empty if it may."""
    if _FILE.fullmatch(name):
        return ""
    return "is not a name of at most 140 of A-Z a-z 0-9 . _ - + ( ) and inner spaces; rename the file"


def not_plain(path: Path, most: float = math.inf) -> str:
    """Return why a file must not be opened (a link, not a regular file, more than `most` bytes); empty if it may be."""
    state = path.lstat()
    kind = stat.S_IFMT(state.st_mode)
    if kind != stat.S_IFREG:
        return f"is {_KINDS.get(kind, 'a device')}; put the file itself there"
    return f"has {state.st_size} bytes, at most {most}" if state.st_size > most else ""


def _read(path: Path, allowed: list[str] | None = None, needed: Iterable[str] = ()) -> dict[str, Any]:
    if wrong := not_plain(path, MAX_BYTES):
        raise CheckFailed(f"{path}: {wrong}")
    try:
        return read_yaml(path, allowed, needed, f"the {CARD} beside the requests has all that is needed: fill that in")
    except BenchError as error:
        raise CheckFailed(str(error)) from error


def _unfit(key: str, value: object, wanted: Any) -> str:
    """Return why a card may not have this value; empty if it may."""
    kinds = (int, float) if wanted is float else (wanted,)
    if not isinstance(value, kinds) or isinstance(value, bool) != (wanted is bool):
        return f"want {KINDS[wanted]}, found {shown(repr(value))}"
    if key in _COUNTS and not 0 <= value < MAX_NUMBER:  # type: ignore[operator]
        return f"{shown(str(value), 40)}; want numbers from 0 to {MAX_NUMBER:.0e}"
    if key in _NAMES and not _NAME.fullmatch(str(value)):
        return f"{value!a} is not 1 to 64 of a-z 0-9 . - beginning with a letter or digit"
    if key == "system" and str(value).endswith(STITCHED):
        return f"{value} ends in {STITCHED}, which is reserved for rows of the scorer; leave it out"
    if not isinstance(value, str):
        return ""
    if len(value) > (most := MAX_LETTERS.get(key, MAX_LINE)):
        return f"{len(value)} characters, at most {most}"
    unseen = [c for c in value if unicodedata.category(c) in UNSEEN and c != "\n"]
    return f"contains the invisible character U+{ord(unseen[0]):04X}; delete it" if unseen else ""
