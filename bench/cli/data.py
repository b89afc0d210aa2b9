"""The command line of data sets: check, describe, choose excerpts, extract ahead."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import AudioFolder, Choice, Limit, Out, Salt, Workers
from bench.cli.output import RUNS, AsJson, mended, plain, show

data_app = typer.Typer(help="Checksums, statistics, excerpts and extraction of data sets.", no_args_is_help=True)


@data_app.command("verify")
@mended
def verify_(dataset: str, as_json: AsJson = False) -> None:
    """Compare a data set with what its manifests lock.

    Example: bench data verify synthetic
    """
    from bench.upkeep.data import verify

    said = verify(dataset)
    show({"ok": True, "said": said}, as_json, lambda: said)


@data_app.command("stats")
@mended
def stats_(dataset: str, as_json: AsJson = False) -> None:
    """Describe a data set in numbers.

    Example: bench data stats synthetic
    """
    from bench.upkeep.data import statistics

    found = statistics(dataset)
    show(found, as_json, lambda: json.dumps(plain(found), indent=2, default=str))


@data_app.command("select")
@mended
def select_(
    dataset: str,
    split: Annotated[str | None, typer.Option(help="A part of the data set; its first when left out.")] = None,
    out: Annotated[Path, typer.Option(help="Where the two files go.")] = Path("runs/manifests"),
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Choose excerpts of recordings by the rule, and write their list with the checksums of the files it rests on.

    What is heard of a track is kept: when broken off, the same command goes on.

    Example: bench data select slakh2100 --split test --workers 8
    """
    from bench.cli.resolve import executor_of
    from bench.text import printable
    from bench.upkeep.data import selected

    found, paths = selected(dataset, split, out, executor_of(workers))
    left_out = [f"  {track}: {why}" for track, why in found.left_out.items()]
    lines = [f"{len(found.manifest.excerpts)} excerpts; {len(left_out)} tracks have none", *left_out]
    lines.append(f"{' and '.join(map(str, paths))}: into data_manifests/{dataset}/ they are the manifest of everybody")
    said = {"files": [str(path) for path in paths], "n": len(found.manifest.excerpts), "left_out": found.left_out}
    show(said, as_json, lambda: printable("\n".join(lines), keep="\n"))


@data_app.command("prepare")
@mended
def prepare_(
    dataset: Annotated[str | None, typer.Argument(help="A data set or one of its manifests.")] = None,
    audio: AudioFolder = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="For this task; repeatable; else all.")] = None,
    manifest: Annotated[str | None, typer.Option("--manifest", help="A manifest of the data set.")] = None,
    salt: Salt = None,
    limit: Limit = None,
    workers: Workers = 1,
    extractor: Choice = None,
    references: Annotated[
        bool, typer.Option("--references", help="Also hear the originals, hole by hole, as `bench score` will.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Extract all controls once, so that runs of the same --out need not; several may work on it side by side.

    Example: bench data prepare synthetic --task inpaint-drums --limit 2

    Example: bench data prepare --audio my-songs --workers 4
    """
    from dataclasses import asdict

    from bench.cli.resolve import setting_of, sources_of
    from bench.pipeline.prepare import prepare, summary

    setting = setting_of(out, workers, extractor, limit)
    sources = sources_of(task, dataset, manifest, audio, salt)
    done = prepare(sources, setting.layout, setting.executor, setting.extractors, limit, references)
    show(asdict(done), as_json, lambda: summary(done))
    if done.failed:
        raise typer.Exit(1)
