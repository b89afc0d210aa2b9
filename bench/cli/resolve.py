"""Options: what the words of a command line stand for."""

from dataclasses import replace
from pathlib import Path

from bench import plugins
from bench.errors import BenchError, CheckFailed, UnknownName
from bench.example import ExampleSet, open_examples
from bench.formats import read_yaml
from bench.manifest import Excerpt, Manifest, limit_of
from bench.pipeline.build import build
from bench.pipeline.source import Source, source_of
from bench.runtime.device import chosen
from bench.runtime.executor import Executor, Processes, Serial
from bench.runtime.layout import Layout, Setting
from bench.submission import CARD, Card, read_submission
from bench.task import Task, defaults, load_task, parse_spec, task_names


def card_of(folder: Path) -> Card:
    """Return the card of a submission; raises `BenchError` where it has none."""
    return read_submission(folder).card


def task_of(folder: Path, name: str | None, requests: Path | None = None) -> Task:
    """Return the task that is asked for, or else the one that a submission's card names.

    Args:
        folder: The submission.
        name: What is asked for.
        requests: Where its requests or their examples lie: their task stands in where the card names none.

    Raises:
        UnknownName: no task has the name that is asked for.
        CheckFailed: the card cannot be read, or names no task.
    """
    if name:
        return load_task(name)
    try:
        return load_task(card_of(folder).task)
    except (UnknownName, CheckFailed) as error:
        for blank in (requests / CARD, requests / "requests" / CARD) if requests else ():
            if blank.is_file():
                return load_task(str(read_yaml(blank, needed=["task"])["task"]))
        if isinstance(error, CheckFailed):
            raise
        raise CheckFailed(f"{folder / CARD}: task: {error}") from error


def executor_of(workers: int) -> Executor:
    """Return what does the work of a command with so many `--workers`.

    Raises:
        BenchError: fewer than one.
    """
    if workers < 1:
        raise BenchError(f"--workers {workers}: want at least 1")
    return Serial() if workers == 1 else Processes(workers)


def setting_of(
    out: Path,
    workers: int,
    chosen: list[str] | None,
    limit: int | None,
    metrics: list[str] | None = None,
    device: str = "cpu",
) -> Setting:
    """Return how a run is to be done; raises `BenchError` or `UnknownName` for values that do not fit."""
    return Setting(Layout(out), executor_of(workers), extractors_of(chosen), limit, metrics_of(metrics), device)


def metrics_of(names: list[str] | None) -> tuple[str, ...]:
    """Return the metrics to score beside a task's own, once what each needs is found to be here.

    Raises:
        BenchError: an entry is no `name` or `name[value]`, or a metric takes no such option.
        UnknownName: no metric, or no extractor, has this name.
        MissingComponent: weights or a package are missing, with the command that gets them.
    """
    for name in names or []:
        spec = parse_spec(name)
        build_metric = plugins.builder("metrics", spec.name)
        metric = build_metric(**spec.filled(build_metric))
        if not metric.identity:
            raise BenchError(f"{name}: has no identity")
    return tuple(dict.fromkeys(names or []))


def extractors_of(chosen: list[str] | None) -> dict[str, str]:
    """Return the extractor of every kind: the defaults, changed by `KIND=NAME` entries.

    Raises:
        BenchError: an entry without an equals sign.
        UnknownName: no such kind, or no such extractor.
    """
    found = dict(defaults().extractors)
    for entry in chosen or []:
        kind, equals, name = entry.partition("=")
        if not equals:
            raise BenchError(f"--extractor {entry}: want KIND=NAME, e.g. chords=template-chords")
        if kind not in found:
            raise UnknownName("kind of extractor", kind, found)
        if name not in plugins.names("extractors"):
            raise UnknownName("extractor", name, plugins.names("extractors"))
        found[kind] = name
    return found


def known_models(names: list[str] | None) -> None:
    """Raise `UnknownName` for the first name that no model has."""
    for name in names or []:
        if name not in plugins.names("models"):
            raise UnknownName("model", name, plugins.names("models"))


def known_device(device: str) -> None:
    """Raise `UnknownName` or `BenchError` unless the device is auto or one that is here."""
    if device != "auto":  # which it is, the first model that can use one will ask
        chosen(device)


def examples_of(task: Task, folder: Path | None, submission: Path | None, out: Path) -> ExampleSet:
    """Open the examples that a command means.

    Args:
        task: The task.
        folder: What `--examples` or `--requests` named: an examples folder, or the `requests` in it.
        submission: A submission; without `folder`, what its card names is opened under `out`, or built there.
        out: The run's folder; without both, its newest examples of the task are opened.

    Raises:
        BenchError: there are none, or they cannot be built again from a name.
        CheckFailed: the submission's card names no manifest that is known.
    """
    if folder is not None:
        return open_examples(folder.parent if folder.name == "requests" else folder, task)
    if submission is not None:
        try:
            return _named(task, card_of(submission).manifest, out)
        except UnknownName as error:
            raise CheckFailed(f"{submission / CARD}: manifest: {error}") from error
    made = sorted((out / "examples" / task.name).glob("*/build.yaml"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise BenchError(
            f"{out}: no examples of {task.name}; make them with `bench build --task {task.name} --out {out}`"
        )
    return open_examples(made[-1].parent, task)


def requests_of(task: Task, folder: Path) -> ExampleSet:
    """Open what a submission is checked against: examples, or requests alone, as participants have them.

    Raises:
        BenchError: the folder holds neither, or the card to fill in does not lie beside the requests.
    """
    home = folder.parent if folder.name == "requests" else folder
    ids = sorted(path.parent.name for path in folder.glob("*/request.yaml"))
    if (home / "build.yaml").exists() or not ids:
        return open_examples(home, task)
    manifest = str(read_yaml(folder / CARD, needed=["manifest"], remedy="get the requests again")["manifest"])
    excerpts = tuple(Excerpt(name, "", "", 0.0, task.duration_s) for name in ids)
    return ExampleSet(folder.parent, task, Manifest(manifest, excerpts))


def sources_of(
    tasks: list[str] | None, dataset: str | None, manifest: str | None, audio: Path | None, salt: Path | None
) -> list[tuple[Task, Source]]:
    """Return the tasks that are asked for, or all, each with the source that `source_of` gives it.

    Args:
        tasks: Names; all tasks when empty.
        dataset: A data set's name or a manifest's.
        manifest: A manifest of that data set.
        audio: A folder of recordings instead.
        salt: A secret file that makes a private set.

    Raises:
        UnknownName: no task, data set or manifest has this name.
        BenchError: no source or two are named.
    """
    if (dataset is None) == (audio is None):
        raise BenchError("name a data set, or a folder of recordings with --audio; not both")
    if manifest and audio:
        raise BenchError("--manifest names a part of a data set; a folder of recordings has none")
    loaded = [load_task(name) for name in dict.fromkeys(tasks or task_names())]
    found = [(task, source_of(dataset, audio, salt, task)) for task in loaded]
    return [(task, replace(source, manifest=manifest or source.manifest)) for task, source in found]


def _named(task: Task, manifest: str, out: Path) -> ExampleSet:
    made = Layout(out).examples(task.name, manifest)
    if (made / "build.yaml").exists():
        return open_examples(made, task)
    name, limit = limit_of(manifest)
    if name.startswith("folder-") or "-private-" in name:
        raise BenchError(f"{name} cannot be built again from its name; give the examples folder with --examples")
    setting = setting_of(out, 1, None, limit)
    return build(task, source_of(name, None, None, task), setting.layout, setting.executor, setting.extractors, limit)
