"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

TaskName = Annotated[str, typer.Option("--task", "-t", help="Name of a task; see `bench list tasks`.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the run.")]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", "-d", help="A data set or one of its manifests; see `bench list datasets`.")
]
AudioFolder = Annotated[
    Path | None, typer.Option("--audio", help="A folder of your own recordings, instead of a data set.")
]
Salt = Annotated[Path | None, typer.Option("--salt", help="A secret file that makes a private set.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use only the first N excerpts.")]
Workers = Annotated[
    int, typer.Option("--workers", "-w", help="Number of worker processes; results do not depend on it.")
]
Choice = Annotated[
    list[str] | None,
    typer.Option("--extractor", "-x", help="Extractor of a kind, e.g. chords=madmom-chords-deep; repeatable."),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", help="An additional metric, e.g. 'fad[musicnn]' or 'clap-score[clap-music]'; repeatable."),
]
Examples = Annotated[
    Path | None,
    typer.Option("--examples", help="Examples made by `bench build`; found or built under --out if not given."),
]
Device = Annotated[str, typer.Option("--device", help="Device of models: auto, cpu or cuda.")]
Handed = Annotated[Path, typer.Argument(help="A submission: a folder, or a .zip or .tar.gz of it.")]
