"""Key: the meaning of every code of a listening test. It is kept by the maker of the test."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.formats import parse_json
from bench.listening.axes import AXES
from bench.paths import write_text
from bench.scoring.columns import FORMS

FORMAT = "steerbench-listening-key/1"
REFERENCE, ANCHOR = "*reference", "*anchor"
"""Names of stimuli that are not outputs. No system's name begins with a star."""
MAX_BYTES = 8 * 1024 * 1024
CODE = re.compile(r"[a-z0-9]{3,16}")
FILE_NAME = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f]{1,200}")
_TRIAL = ("code", "example", "axis", "stimuli")


@dataclass(frozen=True)
class Trial:
    """One screen: an example, a question, and the stimuli to rate or compare.

    Attributes:
        code: Its name in the page and in ratings.
        example: The excerpt's id.
        axis: Name of the axis.
        stimuli: System, `*reference` or `*anchor` by code.
    """

    code: str
    example: str
    axis: str
    stimuli: dict[str, str]

    @property
    def is_catch(self) -> bool:
        """Whether it compares the reference with the anchor, to check the listener."""
        return set(self.stimuli.values()) == {REFERENCE, ANCHOR}

    def code_of(self, name: str) -> str:
        """Return the code of a system, the reference or the anchor; empty if the trial does not contain it."""
        return next((code for code, stimulus in self.stimuli.items() if stimulus == name), "")


@dataclass(frozen=True)
class Key:
    """A listening test with the meaning of its codes; turns ratings into rows.

    Attributes:
        form: `mushra` or `ab`.
        task: Name of the task.
        task_version: Its version.
        manifest: Name of the manifest.
        manifest_sha: Its sha256.
        seed: Seed of orders and codes.
        trials: All screens.
    """

    form: str
    task: str
    task_version: int
    manifest: str
    manifest_sha: str
    seed: int
    trials: tuple[Trial, ...]

    @cached_property
    def test(self) -> str:
        """Name of the test in its page and in ratings: the first 12 hex digits of the key's sha256."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of the test, in the order of the trials."""
        return tuple(dict.fromkeys(trial.axis for trial in self.trials))

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems of the test, sorted by name."""
        return tuple(sorted({name for t in self.trials for name in t.stimuli.values()} - {REFERENCE, ANCHOR}))

    def write(self, path: Path) -> None:
        """Write the key as JSON."""
        write_text(path, json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n")


def read_key(path: Path) -> Key:
    """Read a key.

    Raises:
        BenchError: the file is missing, too large, or does not have the form of `Key.write`; with file and reason.
    """
    try:
        text = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b" " * (MAX_BYTES + 1)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read as a key ({error.strerror}); `bench listen` writes one") from error
    keys = parse_json(text, str(path), ["format", *Key.__dataclass_fields__], MAX_BYTES)
    if keys.pop("format") != FORMAT:
        raise BenchError(f'{path}: not the key of a listening test; want "format": "{FORMAT}"')
    for name, kind in (("task_version", int), ("seed", int), ("manifest_sha", str)):
        if type(keys[name]) is not kind:
            raise BenchError(
                f"{path}: {name} is {keys[name]!r:.80}, want {'text' if kind is str else 'a whole number'}"
            )
    for name in ("task", "manifest"):
        _must_name_a_file(keys[name], f"{path}: {name}")
    if keys["form"] not in FORMS or not isinstance(keys["trials"], list) or not keys["trials"]:
        raise BenchError(f"{path}: want a form ({' or '.join(FORMS)}) and a list of trials")
    trials = tuple(_trial(trial, f"{path}: trial {number}") for number, trial in enumerate(keys["trials"], 1))
    if len({trial.code for trial in trials}) < len(trials):
        raise BenchError(f"{path}: two trials have the same code")
    return Key(**{**keys, "trials": trials})


def _trial(keys: Any, where: str) -> Trial:
    if not isinstance(keys, dict) or set(keys) != set(_TRIAL):
        raise BenchError(f"{where}: want the keys {', '.join(_TRIAL)}")
    stimuli = keys["stimuli"]
    if not isinstance(stimuli, dict) or len(stimuli) < 2 or len(set(map(str, stimuli.values()))) < len(stimuli):
        raise BenchError(f"{where}: want two or more different stimuli")
    for name in (keys["example"], *stimuli.values()):
        if name not in (REFERENCE, ANCHOR):
            _must_name_a_file(name, where)
    if keys["axis"] not in list(AXES):
        raise BenchError(f"{where}: the axis is {keys['axis']!r:.80}, want one of {', '.join(AXES)}")
    if not all(isinstance(code, str) and CODE.fullmatch(code) for code in [keys["code"], *stimuli]):
        raise BenchError(f"{where}: want codes of 3 to 16 lower-case letters and digits")
    return Trial(**keys)


def _must_name_a_file(name: Any, where: str) -> None:
    """Refuse names that could lead out of a folder; they become names of files."""
    if not isinstance(name, str) or not FILE_NAME.fullmatch(name):
        raise BenchError(f"{where}: {name!r:.80} cannot be the name of a task, manifest, example or system")
