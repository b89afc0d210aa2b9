"""Make a listening test from a run: a page to hand out and the key to keep."""

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
from bench.listening.page import listening_page, sounds_of
from bench.listening.plan import MOST_STIMULI, chosen_examples, plan
from bench.listening.server import Server
from bench.paths import write_text
from bench.runtime.layout import Layout
from bench.scoring.columns import FORMS
from bench.submission import STITCHED

PAGE, KEY, RATINGS = "page/index.html", "key.json", "ratings"
MOST_SYSTEMS = {"mushra": 5, "ab": 3}
"""Number of systems in a test, unless they are named."""
LEAST_SYSTEMS = {"mushra": 1, "ab": 2}


@dataclass(frozen=True)
class Made:
    """A listening test on disk.

    Attributes:
        page: The page, alone in its folder; this folder is handed out.
        key: The key, which is kept.
        test: Name of the test.
        examples: Ids of its examples.
        systems: Its systems.
        axes: Its axes.
        n_trials: Number of screens.
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
        """Lines for the terminal."""
        return [
            f"{self.page}",
            f"test {self.test}: {self.n_trials} screens, {len(self.examples)} examples, {', '.join(self.systems)}; "
            f"{', '.join(self.axes)}; {self.n_bytes / 1e6:.1f} MB",
            f"hand out the folder {self.page.parent} only, with a number for each listener: index.html#p=0, #p=1, …",
            f"keep {self.key}: it maps the codes to systems",
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
        run: The run whose submissions are compared.
        examples: Its examples of the task.
        form: `mushra` (rate several) or `ab` (compare two).
        axes: The axes; all that apply to the task when None.
        n_examples: Number of examples.
        systems: The systems; the first of the run's table when None.
        seed: Seed of codes and orders; random when None. It is kept in the key.
        folder: Folder of the test; `RUN/listen/<task>-<form>` when None.

    Raises:
        BenchError: a name, number or sound is not valid, or the folder holds another test.
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
    chosen = chosen_examples(_answered(run, examples, names), n_examples, seed)
    asked_axes = axes_of(task, examples.request(chosen[0]).mask, axes)
    made = plan(task, examples.manifest, form, asked_axes, chosen, names, seed)
    folder = folder or run / "listen" / f"{task.name}-{form}"
    _must_be_free(folder, made.key)
    sounds = [
        sounds_of(
            example, made, {name: _output(run, examples, name, example.request.id, example.reference) for name in names}
        )
        for example in map(examples.example, chosen)
    ]
    page = listening_page(made, sounds)
    write_text(folder / PAGE, page)
    made.key.write(folder / KEY)  # written last: if there is a key, the page exists
    return Made(
        folder / PAGE,
        folder / KEY,
        made.key.test,
        chosen,
        names,
        list(asked_axes),
        len(made.key.trials),
        len(page.encode()),
    )


def _systems(run: Path, examples: ExampleSet, form: str, wanted: Sequence[str] | None) -> list[str]:
    submissions = Layout(run).submission(examples.task.name, examples.manifest.name, "any").parent
    here = sorted(path.parent.name for path in submissions.glob("*/submission.yaml"))
    if not here:
        raise BenchError(
            f"{submissions}: holds no submission; make one with `bench generate`, or put a submission's folder there"
        )
    for name in wanted or ():
        if name not in here:
            raise UnknownName("system of this run", name, here)
    names = list(dict.fromkeys(wanted or ())) or _leading(run, examples, here)[: MOST_SYSTEMS[form]]
    if len(names) < LEAST_SYSTEMS[form]:
        raise BenchError(
            f"{submissions}: {len(names)} systems, {form} needs {LEAST_SYSTEMS[form]} or more; name them with --systems"
        )
    if len(names) + 2 > MOST_STIMULI and form == "mushra":
        raise BenchError(f"--systems: {len(names)} systems, want at most {MOST_STIMULI - 2} in one mushra test")
    return names


def _answered(run: Path, examples: ExampleSet, systems: Sequence[str]) -> list[str]:
    """Return the ids of examples for which every system has an output."""
    folders = [Layout(run).submission(examples.task.name, examples.manifest.name, name) for name in systems]
    ids = [name for name in examples.ids if all((folder / f"{name}.wav").is_file() for folder in folders)]
    if not ids:
        raise BenchError(f"{folders[0].parent}: no example has an output of each of {', '.join(systems)}")
    return ids


def _leading(run: Path, examples: ExampleSet, here: Sequence[str]) -> list[str]:
    """Return the submitted systems in the order of the run's tables, without floors and ceilings."""
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
            f"{reference.sample_rate} Hz; `bench check` lists all problems, or leave {system} out with --systems"
        )
    return audio


def _must_be_free(folder: Path, key: Key) -> None:
    """Refuse to overwrite the key of another test, which its ratings need, even those not yet received."""
    if (folder / KEY).is_file() and read_key(folder / KEY).test != key.test:
        raise BenchError(
            f"{folder}: holds another test, whose ratings cannot be read without its {KEY}; "
            "choose another folder with --to, or remove this one if nobody has the page"
        )


def server_of(folder: Path, host: str, port: int) -> Server:
    """Return a server for a test, which is not serving yet.

    Raises:
        BenchError: the folder holds no test, or the address cannot be used.
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
