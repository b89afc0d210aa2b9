"""Commands about data sets: verify, describe, choose excerpts, extract controls in advance."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import AudioFolder, Choice, Limit, Out, Salt, Workers
from bench.cli.output import RUNS, AsJson, plain, reports_errors, show

data_app = typer.Typer(help="Checksums, statistics, excerpts and extraction of data sets.", no_args_is_help=True)


@data_app.command("verify")
@reports_errors
def verify_(dataset: str, as_json: AsJson = False) -> None:
    """Compare a data set with its locked manifests.

    Example: bench data verify synthetic
    """
    from bench.upkeep.data import verify

    line = verify(dataset)
    show({"ok": True, "said": line}, as_json, lambda: line)


@data_app.command("stats")
@reports_errors
def stats_(dataset: str, as_json: AsJson = False) -> None:
    """Print statistics of a data set.

    Example: bench data stats synthetic
    """
    from bench.upkeep.data import statistics

    numbers = statistics(dataset)
    show(numbers, as_json, lambda: json.dumps(plain(numbers), indent=2, default=str))


@data_app.command("select")
@reports_errors
def select_(
    dataset: str,
    split: Annotated[str | None, typer.Option(help="A split of the data set; the first if not given.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the two files.")] = Path("runs/manifests"),
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Choose excerpts of recordings by the rule; write the manifest and the checksums of the files it depends on.

    Measurements of tracks are kept: run an interrupted command again to continue.

    Example: bench data select slakh2100 --split test --workers 8
    """
    from bench.cli.resolve import executor_of
    from bench.text import printable
    from bench.upkeep.data import selected

    selection, paths = selected(dataset, split, out, executor_of(workers))
    left_out = [f"  {track}: {why}" for track, why in selection.left_out.items()]
    n_excerpts = len(selection.manifest.excerpts)
    lines = [f"{n_excerpts} excerpts; {len(left_out)} tracks have none", *left_out]
    lines.append(f"{' and '.join(map(str, paths))}: copy them to data_manifests/{dataset}/ to publish the manifest")
    payload = {"files": [str(path) for path in paths], "n": n_excerpts, "left_out": selection.left_out}
    show(payload, as_json, lambda: printable("\n".join(lines), keep="\n"))


@data_app.command("prepare")
@reports_errors
def prepare_(
    dataset: Annotated[str | None, typer.Argument(help="A data set or one of its manifests.")] = None,
    audio: AudioFolder = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", "-t", help="Name of a task; repeatable; all if not given.")
    ] = None,
    manifest: Annotated[str | None, typer.Option("--manifest", help="A manifest of the data set.")] = None,
    salt: Salt = None,
    limit: Limit = None,
    workers: Workers = 1,
    extractor: Choice = None,
    references: Annotated[
        bool, typer.Option("--references", help="Also extract from the originals' holes what `bench score` needs.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Extract all controls in advance, for later runs with the same --out; several processes may share the work.

    Example: bench data prepare synthetic --task inpaint-drums --limit 2

    Example: bench data prepare --audio my-songs --workers 4
    """
    from dataclasses import asdict

    from bench.cli.resolve import setting_of, sources_of
    from bench.pipeline.prepare import prepare, summary

    setting = setting_of(out, workers, extractor, limit)
    sources = sources_of(task, dataset, manifest, audio, salt)
    done = prepare(sources, setting.layout, setting.executor, setting.asked, limit, references)
    show(asdict(done), as_json, lambda: summary(done))
    if done.failed:
        raise typer.Exit(1)
