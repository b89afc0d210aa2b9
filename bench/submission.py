"""Submissions: a folder of outputs and a card, the one door through which every system's sound reaches the scorer."""

import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bench.errors import BenchError
from bench.paths import write_text
from bench.yaml import dump_yaml, read_yaml

CARD = "submission.yaml"
FAILED = "failed.yaml"
SWAPPED = "swapped"
"""Subfolder of outputs made with another song's control, from which `adherence` is scored."""
TRAINING = "training-list.txt"
"""What the system was trained on, a song a line: its name, and behind a tab its landmarks, where
`python -m bench.fingerprint FOLDER` made the list."""
STITCHED = "-stitched"
"""What the name of a reading ends with in which the given context replaces the system's own."""
MEASURED = ("generation_seconds", "generation_rate", "peak_memory_mib")
"""What of a card differs from run to run."""
SPEED = ("hardware", "batch_size", *MEASURED)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


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

    def __post_init__(self) -> None:
        """Refuse values of a wrong kind and names that cannot stand in paths."""
        for column in fields(self):
            value, wanted = getattr(self, column.name), column.type
            kinds = (int, float) if wanted is float else (wanted,)
            if not isinstance(value, kinds) or isinstance(value, bool) != (wanted is bool):  # type: ignore[arg-type]
                raise BenchError(f"{column.name}: want {getattr(wanted, '__name__', wanted)}, found {value!r}")
        for key in ("parameters", "trainable_parameters", "batch_size", *MEASURED):
            if not 0 <= getattr(self, key) < math.inf:
                raise BenchError(f"{key}: {getattr(self, key)}; want numbers from 0")
        for key in ("system", "task", "manifest"):
            if not _NAME.fullmatch(name := getattr(self, key)):
                raise BenchError(f"{key}: {name!r} is not 1 to 64 of a-z 0-9 . - beginning with a letter or digit")
        if self.system.endswith(STITCHED):
            raise BenchError(f"system: {self.system!r} ends in {STITCHED}, which names a reading of ours; leave it out")


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
        """The requests on which the model failed, each with its reason; only `bench generate` writes these."""
        path = self.folder / FAILED
        return {key: str(value) for key, value in read_yaml(path).items()} if path.exists() else {}


def read_submission(folder: Path) -> Submission:
    """Read a submission's card.

    Raises:
        BenchError: no such folder, no card, or a card with an unknown, missing or wrong key.
    """
    if not folder.is_dir():
        raise BenchError(f"{folder}: no such folder; give the folder that holds {CARD} and the WAVs")
    path = folder / CARD
    if not path.exists():
        raise BenchError(f"{path}: missing; a submission needs a card ({', '.join(c.name for c in fields(Card))})")
    keys = read_yaml(path, allowed=[column.name for column in fields(Card)])
    try:
        return Submission(folder, Card(**keys))
    except TypeError as error:
        raise BenchError(f"{path}: {str(error).replace('Card.__init__()', 'the card')}") from error
    except BenchError as error:
        raise BenchError(f"{path}: {error}") from error


def write_card(folder: Path, card: Card) -> None:
    """Write the card into a submission's folder."""
    write_text(folder / CARD, dump_yaml(asdict(card)))
