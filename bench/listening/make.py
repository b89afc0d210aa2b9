"""Listen: a listening test made from a run: a page to hand out, and the key to keep."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.audio import Audio, read_audio
from bench.board.ranking import bound_of
from bench.board.report import RESULTS, tables_of
from bench.errors import BenchError, UnknownName
from bench.example import ExampleSet
from bench.listening.axes import axes_of
from bench.listening.key import Key, read_key
from bench.listening.page import heard_of, listening_page
from bench.listening.plan import MOST_STIMULI, chosen_examples, plan
from bench.listening.server import Server
from bench.paths import write_text
from bench.runtime.layout import Layout
from bench.scoring.columns import FORMS
from bench.submission import STITCHED

PAGE, KEY, RATINGS = "page/index.html", "key.json", "ratings"
MOST_SYSTEMS = {"mushra": 5, "ab": 3}
"""How many systems are heard unless others are named."""
LEAST = {"mushra": 1, "ab": 2}


@dataclass(frozen=True)
class Made:
    """A test on disk.

    Attributes:
        page: The page, alone in its folder: hand this folder out.
        key: What its codes stand for: keep this.
        test: The test's name.
        examples: What is heard.
        systems: Who made it.
        axes: What is asked.
        n_trials: Screens.
        n_bytes: Size of the page.
    """

    page: Path
    key: Path
    test: str
    examples: list[str]
    systems: list[str]
    axes: list[str]
    n_trials: int
    n_bytes: int

    @property
    def lines(self) -> list[str]:
        """What a terminal says of it."""
        return [
            f"{self.page}",
            f"test {self.test}: {self.n_trials} screens, {len(self.examples)} examples, {', '.join(self.systems)}; "
            f"{', '.join(self.axes)}; {self.n_bytes / 1e6:.1f} MB",
            f"hand out the folder {self.page.parent} alone, one number a listener: index.html#p=0, #p=1, …",
            f"keep {self.key}: it says what the codes stand for",
        ]


def listen(
    run: Path,
    examples: ExampleSet,
    form: str = "mushra",
    axes: Sequence[str] | None = None,
    n_examples: int = 8,
    systems: Sequence[str] | None = None,
    seed: int | None = None,
    folder: Path | None = None,
) -> Made:
    """Write a listening test.

    Args:
        run: The run whose submissions are heard.
        examples: Its examples of the task.
        form: `mushra` (rate) or `ab` (compare two).
        axes: What is asked; all that the task can be asked about when None.
        n_examples: How many examples are heard.
        systems: Whose outputs are heard; the first of the run's table when None.
        seed: Of codes and orders; drawn when None, and kept in the key.
        folder: Where the test goes; `RUN/listen/<task>-<form>` when None.

    Raises:
        BenchError: a name, number or sound does not fit, or the folder holds another test.
    """
    if form not in FORMS:
        raise UnknownName("form", form, FORMS)
    if n_examples < 1:
        raise BenchError(f"--examples {n_examples}: want at least one")
    if seed is not None and seed < 0:
        raise BenchError(f"--seed {seed}: want a whole number from 0")
    task = examples.task
    seed = secrets.randbits(48) if seed is None else seed
    names = _systems(run, examples, form, systems)
    heard = chosen_examples(_answered(run, examples, names), n_examples, seed)
    asked = axes_of(task, examples.request(heard[0]).mask, axes)
    made = plan(task, examples.manifest, form, asked, heard, names, seed)
    folder = folder or run / "listen" / f"{task.name}-{form}"
    _must_be_free(folder, made.key)
    sounds = [
        heard_of(
            example, made, {name: _output(run, examples, name, example.request.id, example.reference) for name in names}
        )
        for example in map(examples.example, heard)
    ]
    page = listening_page(made, sounds)
    write_text(folder / PAGE, page)
    made.key.write(folder / KEY)  # last: a key says that there is a page to keep it for
    return Made(
        folder / PAGE, folder / KEY, made.key.test, heard, names, list(asked), len(made.key.trials), len(page.encode())
    )


def _systems(run: Path, examples: ExampleSet, form: str, wanted: Sequence[str] | None) -> list[str]:
    submissions = Layout(run).submission(examples.task.name, examples.manifest.name, "any").parent
    here = sorted(path.parent.name for path in submissions.glob("*/submission.yaml"))
    if not here:
        raise BenchError(
            f"{submissions}: holds no submission to hear; `bench generate` makes one, or put a folder there"
        )
    for name in wanted or ():
        if name not in here:
            raise UnknownName("system of this run", name, here)
    names = list(dict.fromkeys(wanted or ())) or _leading(run, examples, here)[: MOST_SYSTEMS[form]]
    if len(names) < LEAST[form]:
        raise BenchError(
            f"{submissions}: {len(names)} systems to hear, {form} needs {LEAST[form]}; name them: --systems"
        )
    if len(names) + 2 > MOST_STIMULI and form == "mushra":
        raise BenchError(f"--systems: {len(names)} of them, at most {MOST_STIMULI - 2} are heard side by side")
    return names


def _answered(run: Path, examples: ExampleSet, systems: Sequence[str]) -> list[str]:
    """Return the examples of which every system has an output."""
    folders = [Layout(run).submission(examples.task.name, examples.manifest.name, name) for name in systems]
    found = [name for name in examples.ids if all((folder / f"{name}.wav").is_file() for folder in folders)]
    if not found:
        raise BenchError(f"{folders[0].parent}: no example has an output of each of {', '.join(systems)}")
    return found


def _leading(run: Path, examples: ExampleSet, here: Sequence[str]) -> list[str]:
    """Return the systems that are here, in the order of the run's tables, without floors and ceilings."""
    place = (examples.task.name, examples.manifest.name)
    scored = (
        [table for table in tables_of(run) if (table.task, table.manifest) == place] if (run / RESULTS).is_dir() else []
    )
    order = dict.fromkeys([entry.system for table in scored for entry in table.entries] + list(here))
    return [name for name in order if name in here and not bound_of(name) and not name.endswith(STITCHED)]


def _output(run: Path, examples: ExampleSet, system: str, name: str, reference: Audio) -> Audio:
    path = Layout(run).submission(examples.task.name, examples.manifest.name, system) / f"{name}.wav"
    audio = read_audio(path, reference.duration_s + 1)
    if (audio.n_samples, audio.sample_rate) != (reference.n_samples, reference.sample_rate):
        raise BenchError(
            f"{path}: {audio.n_samples} samples at {audio.sample_rate} Hz, the reference has {reference.n_samples} at "
            f"{reference.sample_rate} Hz; `bench check` says more, --systems leaves {system} out"
        )
    return audio


def _must_be_free(folder: Path, key: Key) -> None:
    """Refuse to put a new key over one that ratings still need, those that are with listeners among them."""
    if (folder / KEY).is_file() and read_key(folder / KEY).test != key.test:
        raise BenchError(
            f"{folder}: holds another test, and without its {KEY} its ratings say nothing; "
            "give --to, or remove the folder if nobody has the page"
        )


def server_of(folder: Path, host: str, port: int) -> Server:
    """Return a server of a test, not yet serving.

    Raises:
        BenchError: the folder holds no test, or the address is not to be had.
    """
    key, page = read_key(folder / KEY), folder / PAGE
    try:
        content = page.read_bytes()
    except OSError as error:
        raise BenchError(f"{page}: {error.strerror}; `bench listen` makes the page") from error
    if f'"test":"{key.test}"'.encode() not in content:
        raise BenchError(f"{page}: is the page of another test than {folder / KEY}; make both again")
    (folder / RATINGS).mkdir(exist_ok=True)
    try:
        return Server((host, port), content, key, folder / RATINGS)
    except OSError as error:
        raise BenchError(f"cannot serve on {host}:{port} ({error.strerror}); choose another --port") from error
