"""Resolve the names and options of a command line to tasks, sources, examples and settings."""

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
from bench.task import EXTRACTED, Task, load_task, parse_spec, task_names


def card_of(folder: Path) -> Card:
    """Return the card of a submission; raises `BenchError` if it has none."""
    return read_submission(folder).card


def task_of(folder: Path, name: str | None, requests: Path | None = None) -> Task:
    """Return the named task, or else the one in a submission's card.

    Args:
        folder: The submission.
        name: Name of the task, or None.
        requests: Folder of its requests or examples; their task is used if the card has none.

    Raises:
        UnknownName: no task has this name.
        CheckFailed: the card cannot be read, or its task is unknown.
    """
    if name:
        return load_task(name)
    try:
        return load_task(card_of(folder).task)
    except (UnknownName, CheckFailed) as error:
        for template in (requests / CARD, requests / "requests" / CARD) if requests else ():
            if template.is_file():
                return load_task(str(read_yaml(template, needed=["task"])["task"]))
        if isinstance(error, CheckFailed):
            raise
        raise CheckFailed(f"{folder / CARD}: task: {error}") from error


def executor_of(workers: int) -> Executor:
    """Return the executor for a number of `--workers`.

    Raises:
        BenchError: the number is less than 1.
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
    """Return the settings of a run; raises `BenchError` or `UnknownName` for invalid values."""
    return Setting(Layout(out), executor_of(workers), extractors_of(chosen), limit, metrics_of(metrics), device)


def metrics_of(names: list[str] | None) -> tuple[str, ...]:
    """Return the metrics to score in addition to a task's own, after checking that each can be built.

    Raises:
        BenchError: an entry is not `name` or `name[value]`, or a metric takes no option.
        UnknownName: no metric, or no extractor, has this name.
        MissingComponent: weights or a package are missing, with the command to get them.
    """
    for name in names or []:
        spec = parse_spec(name)
        build_metric = plugins.builder("metrics", spec.name)
        metric = build_metric(**spec.filled(build_metric))
        if not metric.identity:
            raise BenchError(f"{name}: has no identity")
    return tuple(dict.fromkeys(names or []))


def extractors_of(chosen: list[str] | None) -> dict[str, str]:
    """Return the extractors by kind that `KIND=NAME` entries ask for, the last of each kind.

    Raises:
        BenchError: an entry has no equals sign.
        UnknownName: there is no such kind or extractor.
    """
    extractors: dict[str, str] = {}
    for entry in chosen or []:
        kind, equals, name = entry.partition("=")
        if not equals:
            raise BenchError(f"--extractor {entry}: want KIND=NAME, e.g. chords=template-chords")
        if kind not in EXTRACTED:
            raise UnknownName("kind of extractor", kind, EXTRACTED)
        if name not in plugins.names("extractors"):
            raise UnknownName("extractor", name, plugins.names("extractors"))
        extractors[kind] = name
    return extractors


def known_models(names: list[str] | None) -> None:
    """Raise `UnknownName` for the first name that no model has."""
    for name in names or []:
        if name not in plugins.names("models"):
            raise UnknownName("model", name, plugins.names("models"))


def known_device(device: str) -> None:
    """Raise `UnknownName` or `BenchError` unless the device is `auto` or available."""
    if device != "auto":  # auto is resolved by the first model that takes a device
        chosen(device)


def examples_of(task: Task, folder: Path | None, submission: Path | None, out: Path) -> ExampleSet:
    """Open the examples for a command.

    Args:
        task: The task.
        folder: Value of `--examples` or `--requests`: an examples folder, or the `requests` in it.
        submission: A submission; without `folder`, the examples of its card's manifest are opened or built under `out`.
        out: The run's folder; without `folder` and `submission`, its newest examples of the task are opened.

    Raises:
        BenchError: there are no examples, or they cannot be built from the name of their manifest.
        CheckFailed: the manifest in the submission's card is unknown.
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
    """Open the examples, or the requests alone, against which a submission is checked.

    Raises:
        BenchError: the folder holds neither, or the card template is missing beside the requests.
    """
    examples = folder.parent if folder.name == "requests" else folder
    ids = sorted(path.parent.name for path in folder.glob("*/request.yaml"))
    if (examples / "build.yaml").exists() or not ids:
        return open_examples(examples, task)
    manifest = str(read_yaml(folder / CARD, needed=["manifest"], remedy="get the requests again")["manifest"])
    excerpts = tuple(Excerpt(name, "", "", 0.0, task.duration_s) for name in ids)
    return ExampleSet(folder.parent, task, Manifest(manifest, excerpts))


def sources_of(
    tasks: list[str] | None, dataset: str | None, manifest: str | None, audio: Path | None, salt: Path | None
) -> list[tuple[Task, Source]]:
    """Return the named tasks, or all, each with its source.

    Args:
        tasks: Names of tasks; all when empty.
        dataset: Name of a data set or manifest.
        manifest: A manifest of that data set.
        audio: A folder of recordings, instead of a data set.
        salt: A secret file that makes a private set.

    Raises:
        UnknownName: no task, data set or manifest has this name.
        BenchError: no source or two sources are named.
    """
    if (dataset is None) == (audio is None):
        raise BenchError("name a data set, or a folder of recordings with --audio; not both")
    if manifest and audio:
        raise BenchError("--manifest names a manifest of a data set; leave it out with --audio")
    loaded = [load_task(name) for name in dict.fromkeys(tasks or task_names())]
    sources = [(task, source_of(dataset, audio, salt, task)) for task in loaded]
    return [(task, replace(source, manifest=manifest or source.manifest)) for task, source in sources]


def _named(task: Task, manifest: str, out: Path) -> ExampleSet:
    folder = Layout(out).examples(task.name, manifest)
    if (folder / "build.yaml").exists():
        return open_examples(folder, task)
    name, limit = limit_of(manifest)
    if name.startswith("folder-") or "-private-" in name:
        raise BenchError(f"{name} cannot be built again from its name; give the examples folder with --examples")
    setting = setting_of(out, 1, None, limit)
    return build(task, source_of(name, None, None, task), setting.layout, setting.executor, setting.asked, limit)
