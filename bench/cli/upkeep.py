"""Commands of maintainers: lock tasks, check a board, list training songs, convert weights."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.output import AsJson, print_utf8, reports_errors, say, show

convert_app = typer.Typer(
    help="Convert weight files between the formats of other packages and ours.", no_args_is_help=True
)


@reports_errors
def lock(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a task differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the sha256 of every task and its manifests into tasks/versions.lock; a changed task must raise its version.

    Example: bench lock
    """
    from bench.upkeep import lock as module

    if check:
        problems = module.check()
        payload = {"ok": not problems, "problems": problems}
        show(payload, as_json, lambda: "\n".join(problems) or "every task agrees with its lock")
        raise typer.Exit(1 if problems else 0)
    path = module.write()
    show({"written": str(path)}, as_json, lambda: f"written to {path}")


@reports_errors
def expectations(
    folder: Annotated[Path | None, typer.Argument(help="A run's folder; the published board if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the expectations on every table; a violation means a broken metric, extractor or floor, and exit code 1.

    Example: bench expectations runs
    """
    from bench.upkeep.expectations import violated

    lines = violated(folder)
    show({"ok": not lines, "violations": lines}, as_json, lambda: "\n".join(lines) or "every expectation holds")
    if lines:
        raise typer.Exit(1)


@reports_errors
def fingerprint(
    folder: Annotated[Path, typer.Argument(help="Folder of songs (WAV, FLAC, OGG, MP3); subfolders are searched.")],
    as_json: AsJson = False,
) -> None:
    """Print a training list: the landmarks of every song, with which `bench check` finds test songs among them.

    Example: bench fingerprint my-songs > training-list.txt
    """
    from bench.checking.fingerprint import training_list

    print_utf8()
    lines = training_list(folder)
    if as_json:
        show([dict(zip(("name", "landmarks"), line.split("\t"), strict=True)) for line in lines], True, str)
        return
    for line in lines:  # printed one by one, since a large collection takes hours
        say(line)


@convert_app.command("clap")
@reports_errors
def clap_(
    checkpoint: Annotated[Path, typer.Argument(help="LAION's .pt file, without feature fusion.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="Folder of tokenizer files to copy; needed to embed text.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Convert a CLAP checkpoint of LAION to a folder of transformers, which `clap-folder` reads.

    Example: bench convert clap music_audioset_epoch_15_esc_90.14.pt ~/.cache/steerbench/weights/clap-folder
    """
    from bench.upkeep.clap_convert import convert

    convert(checkpoint, folder, tokenizer)
    show({"written": str(folder)}, as_json, lambda: f"written to {folder}")


@convert_app.command("audiocraft")
@reports_errors
def audiocraft_(
    source: Annotated[Path, typer.Argument(help="audiocraft's state_dict.bin, or a MusicGen folder of transformers.")],
    target: Annotated[Path, typer.Argument(help="The folder or file to write.")],
    heads: Annotated[
        int | None, typer.Option("--heads", help="Attention heads; needed if the file does not name them.")
    ] = None,
    codec: Annotated[
        Path | None, typer.Option("--codec", help="A transformers folder with the EnCodec, added to the target.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Convert audiocraft's state_dict.bin of MusicGen to a transformers folder, or such a folder to a state_dict.bin.

    Example: bench convert audiocraft state_dict.bin musicgen-mine --codec encodec_32khz
    """
    from bench.air.audiocraft import convert

    convert(source, target, heads, codec)
    show({"written": str(target)}, as_json, lambda: f"written to {target}")
