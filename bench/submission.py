"""Submissions: a folder of outputs and a card, the one door through which every system's sound reaches the scorer."""

import math
import re
import stat
import unicodedata
from dataclasses import asdict, dataclass, fields
from os.path import lexists
from pathlib import Path
from typing import Any

from bench.errors import BenchError, CheckFailed
from bench.formats import MAX_BYTES, dump_yaml, read_yaml
from bench.paths import write_text
from bench.text import UNSEEN, shown

CARD = "submission.yaml"
FAILED = "failed.yaml"
SWAPPED = "swapped"
"""Subfolder of outputs made with another song's control, from which `adherence` is scored."""
TRAINING = "training-list.txt"
"""What the system was trained on, a song a line: its name, and behind a tab its landmarks, where
`bench fingerprint FOLDER` made the list."""
STITCHED = "-stitched"
"""What the name of a reading ends with in which the given context replaces the system's own."""
MEASURED = ("generation_seconds", "generation_rate", "peak_memory_mib")
"""What of a card differs from run to run."""
SPEED = ("hardware", "batch_size", *MEASURED)
MAX_LETTERS = {"notes": 2000, "training_data": 2000, "identity": 2000}
"""Of a card's texts; of all others `MAX_LINE`."""
MAX_LINE = 200
MAX_NUMBER = 10**15
"""What a card's numbers lie below."""
_COUNTS = ("parameters", "trainable_parameters", "batch_size", *MEASURED)
_NAMES = ("system", "task", "manifest")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_FILE = re.compile(r"(?=.{1,140}$)\.?[A-Za-z0-9_()+-]+([ .]+[A-Za-z0-9_()+-]+)*")
_KINDS = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a fifo", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True)
class Card:
    """What a submission says of itself.

    Attributes:
        system: Its name in tables, `[a-z0-9][a-z0-9.-]{0,63}`.
        task: The task that the outputs answer.
        task_version: Its version.
        manifest: The manifest that the requests came from.
        contact: Who answers questions.
        training_data: What the system was trained on.
        paper: Where it is described.
        parameters: Number of parameters; 0 for none.
        trainable_parameters: Those that were trained for the task; 0 for none.
        notes: Anything a reader should know.
        hardware: What it ran on.
        generation_seconds: Wall-clock seconds for all outputs; 0 when unknown.
        generation_rate: Seconds of sound made in a second; 0 when unknown.
        batch_size: Requests answered together; 0 when unknown.
        peak_memory_mib: What the process held at most, or on a GPU its tensors; 0 when unknown.
        keeps_phase: Whether its sound has the phases of what it was given; a codec that makes its own says false, and
            columns that compare waveforms are marked and do not rank.
        identity: All that changes its outputs, its weight files by sha256 among it; empty when unknown.
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
        """Refuse values of a wrong kind and names that cannot stand in paths, all of them at once, a line each."""
        wrong = [(c.name, _unfit(c.name, getattr(self, c.name), c.type)) for c in fields(self)]
        if lines := [f"{key}: {why}" for key, why in wrong if why]:
            raise BenchError("\n".join(lines))


@dataclass(frozen=True)
class Submission:
    """A folder of `<id>.wav` and its card."""

    folder: Path
    card: Card

    def output(self, name: str) -> Path:
        """Return where the output of a request lies."""
        return self.folder / f"{name}.wav"

    @property
    def failures(self) -> dict[str, str]:
        """The requests on which the model failed, each with its reason; only `bench generate` writes these.

        Raises:
            CheckFailed: the list is a link, too long, or no list of failures.
        """
        path = self.folder / FAILED
        if not lexists(path):
            return {}
        return {key: str(value)[:MAX_LINE] for key, value in _read(path).items()}


def read_submission(folder: Path) -> Submission:
    """Read a submission's card.

    Raises:
        BenchError: no such folder.
        CheckFailed: no card, one that is no plain file, or one with an unknown, missing or wrong key.
    """
    if not folder.is_dir():
        raise BenchError(f"{folder}: no such folder; give the folder that holds {CARD} and the WAVs")
    path = folder / CARD
    known = [column.name for column in fields(Card)]
    if not lexists(path):
        raise CheckFailed(f"{path}: missing; a submission needs a card ({', '.join(known)})")
    keys = _read(path, known)
    try:
        return Submission(folder, Card(**keys))
    except TypeError as error:
        raise CheckFailed(f"{path}: {str(error).replace('Card.__init__()', 'the card')}") from error
    except BenchError as error:
        raise CheckFailed("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def write_card(folder: Path, card: Card) -> None:
    """Write the card into a submission's folder, without an identity that is empty."""
    write_text(folder / CARD, dump_yaml({key: v for key, v in asdict(card).items() if key != "identity" or v}))


def misnamed(name: str) -> str:
    """Say why a file of a submission may not be called so; empty where it may."""
    if _FILE.fullmatch(name):
        return ""
    return "is a name beyond 140 of A-Z a-z 0-9 . _ - + ( ) and blanks inside; give the file another"


def not_plain(path: Path, most: float = math.inf) -> str:
    """Say why a file is not to be opened: a link, no plain file, or more than `most` bytes; empty where it may be."""
    state = path.lstat()
    kind = stat.S_IFMT(state.st_mode)
    if kind != stat.S_IFREG:
        return f"is {_KINDS.get(kind, 'a device')}; put the file itself there"
    return f"has {state.st_size} bytes, at most {most}" if state.st_size > most else ""


def _read(path: Path, allowed: list[str] | None = None) -> dict[str, Any]:
    if wrong := not_plain(path, MAX_BYTES):
        raise CheckFailed(f"{path}: {wrong}")
    try:
        return read_yaml(path, allowed)
    except BenchError as error:
        raise CheckFailed(str(error)) from error


def _unfit(key: str, value: object, wanted: Any) -> str:
    """Say why a value may not stand in a card; empty where it may."""
    kinds = (int, float) if wanted is float else (wanted,)
    if not isinstance(value, kinds) or isinstance(value, bool) != (wanted is bool):
        return f"want {wanted.__name__}, found {shown(repr(value))}"
    if key in _COUNTS and not 0 <= value < MAX_NUMBER:  # type: ignore[operator]
        return f"{shown(str(value), 40)}; want numbers from 0 to {MAX_NUMBER:.0e}"
    if key in _NAMES and not _NAME.fullmatch(str(value)):
        return f"{value!a} is not 1 to 64 of a-z 0-9 . - beginning with a letter or digit"
    if key == "system" and str(value).endswith(STITCHED):
        return f"{value} ends in {STITCHED}, which names a reading of ours; leave it out"
    if not isinstance(value, str):
        return ""
    if len(value) > (most := MAX_LETTERS.get(key, MAX_LINE)):
        return f"{len(value)} characters, at most {most}"
    unseen = [c for c in value if unicodedata.category(c) in UNSEEN and c != "\n"]
    return f"holds the character U+{ord(unseen[0]):04X}, which is not seen; leave it out" if unseen else ""
