"""Arguments: the options that several commands of the command line share."""

from pathlib import Path
from typing import Annotated

import typer

TaskName = Annotated[str, typer.Option("--task", "-t", help="A task's name; `bench list tasks`.")]
Out = Annotated[Path, typer.Option("--out", help="The folder of the run.")]
DatasetName = Annotated[str | None, typer.Option("--dataset", "-d", help="A data set or one of its manifests.")]
AudioFolder = Annotated[Path | None, typer.Option("--audio", help="A folder of your own recordings instead.")]
Salt = Annotated[Path | None, typer.Option("--salt", help="A secret file that makes a private set.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Take only the first N excerpts.")]
Workers = Annotated[int, typer.Option("--workers", "-w", help="Worker processes; results do not depend on it.")]
Choice = Annotated[
    list[str] | None, typer.Option("--extractor", "-x", help="KIND=NAME, e.g. chords=madmom-chords-deep; repeatable.")
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric", help="Score by this too, e.g. 'fad[logmel-stats]' or 'clap-score[clap-music]'; repeatable."
    ),
]
Examples = Annotated[Path | None, typer.Option("--examples", help="What `bench build` made; built again if not given.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Handed = Annotated[Path, typer.Argument(help="A submission: its folder, or that packed as .zip or .tar.gz.")]
