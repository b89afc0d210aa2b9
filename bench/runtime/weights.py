"""Weights: where the model files lie that an installation does not carry, and whether they are the right ones.

All lie under `$BENCH_WEIGHTS` (`~/.cache/steerbench/weights` where it is not set), one folder per model. Nothing is
ever fetched while a score is made: `bench setup NAME` fetches, or a person puts the files there.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from bench.errors import BenchError, MissingComponent
from bench.paths import home as installed
from bench.runtime.download import download
from bench.runtime.home import caches

VARIABLE = "BENCH_WEIGHTS"
_BLOCK = 2**20


@dataclass(frozen=True)
class File:
    """One file of a model.

    Attributes:
        name: Its name inside the model's folder.
        url: Where it is published.
        sha256: Its hash or the published beginning of it; empty where nobody published one. The hash of the file that
            is there enters the identity of every score either way.
        also: Another name under which it may lie there instead.
    """

    name: str
    url: str
    sha256: str = ""
    also: str = ""

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds it under either name."""
        return any((folder / name).is_file() for name in (self.name, self.also) if name)


@dataclass(frozen=True)
class Weights:
    """The files of one published model.

    Attributes:
        name: Its folder under `$BENCH_WEIGHTS`, and what `bench setup` calls it.
        description: What it is, in a few words.
        licence: What it may be used for.
        files: All that is needed.
        size_gb: What they take on disk, 10^9 bytes; 0 where it is not stated.
    """

    name: str
    description: str
    licence: str
    files: tuple[File, ...]
    size_gb: float = 0.0

    @property
    def folder(self) -> Path:
        """Where its files are looked for."""
        return home() / self.name

    def is_here(self) -> bool:
        """Whether every file is there; nothing is read."""
        return all(file.is_in(self.folder) for file in self.files)

    def __str__(self) -> str:
        """What it is and under which licence."""
        return f"{self.description}; {self.licence}"

    def fetch(self) -> None:
        """Download what is missing; a file appears only when it is whole and has its published hash.

        What was broken off goes on where it was.

        Raises:
            MissingComponent: nobody publishes a file.
            BenchError: it cannot be fetched, or it is not the published one.
        """
        for file in self.files:
            path = self.folder / file.name
            if path.is_file():
                verify(path, file)
            elif file.is_in(self.folder):
                continue  # under its other name, of which no hash is published
            elif not file.url.startswith("https://"):
                raise missing(path, self.name, about=str(self))
            else:
                download(file.url, path, partial(_verify_fetched, file=file), f"${VARIABLE}")

    def find(self, instead: str) -> Path:
        """Return the folder with all files in it, each with its published hash.

        Args:
            instead: What runs without it, e.g. `hpss`, for the message.

        Raises:
            MissingComponent: a file is missing, with the command that gets it.
            BenchError: a file is not the published one.
        """
        if not all(file.is_in(self.folder) for file in self.files):
            raise self.missing(instead)
        for file in self.files:
            if (path := self.folder / file.name).is_file():
                verify(path, file)
        return self.folder

    def missing(self, instead: str = "") -> MissingComponent:
        """Return the error that names every file that is not here; `instead` as in `find`."""
        names = ", ".join(file.name for file in self.files if not file.is_in(self.folder))
        setup = self.name if self.files[0].url else ""
        size = f"{self.size_gb:g} GB; " if self.size_gb else ""
        about = f"{size}{self}; ${VARIABLE} names the folder above"
        return missing(self.folder / names, self.name, setup=setup, about=about, instead=instead)


def home() -> Path:
    """Return the folder of all weights."""
    return Path(os.environ.get(VARIABLE) or caches() / "weights")


def missing(
    path: Path, needed_by: str, *, setup: str = "", recipe: str = "", about: str = "", instead: str = ""
) -> MissingComponent:
    """Return the error for a weight file that is not here. Every such error is worded here.

    Args:
        path: Where it is looked for.
        needed_by: What cannot run without it.
        setup: What `bench setup` calls it, where that fetches it.
        recipe: The recipe that makes it, where there is one; without either, a person has to find the file.
        about: What else to know before getting it: what it is, its licence, its size.
        instead: What runs without it.
    """
    remedy = f"get it with `bench setup {setup}` or put it there" if setup else "put it there"
    if recipe:
        remedy = f"make it with `bench train {recipe}` and put it there"
    return MissingComponent(
        f"{path}: missing; {needed_by} needs it; {remedy}{f' ({about})' if about else ''}"
        f"{f'; {instead} can run without it' if instead else ''}"
    )


def shipped(name: str, needed_by: str, on: str = "", instead: str = "", has_recipe: bool = True) -> Path:
    """Return a weight file that comes with the installation, or the one of its name in `$BENCH_WEIGHTS`/mini.

    Args:
        name: The file's, without suffix.
        needed_by: What cannot run without it, for the message.
        on: The file that it rests on: beside one of the user's own, what comes with the installation does not count.
        instead: What runs without it, for the message.
        has_recipe: Whether a recipe makes it; False for weights that others published.

    Raises:
        MissingComponent: there is neither.
    """
    own = home() / "mini"
    folders = (own,) if on and (own / f"{on}.safetensors").is_file() else (own, installed("weights"))
    for folder in folders:
        if (path := folder / f"{name}.safetensors").is_file():
            return path
    about = f"it has to be trained on your {on}" if len(folders) == 1 else ""
    recipe, about = (name, about) if has_recipe else ("", "it comes with the installation; install it again")
    raise missing(own / path.name, needed_by, recipe=recipe, about=about, instead=instead)


def verify(path: Path, file: File) -> None:
    """Check a file's hash against the published one.

    Raises:
        BenchError: it differs, with both.
    """
    if not (found := sha256_of(path)).startswith(file.sha256):
        raise BenchError(
            f"{path}: sha256 {found[:16]}..., the published file's begins with {file.sha256}; remove it and get "
            f"{file.url} again"
        )


def _verify_fetched(path: Path, file: File) -> None:
    if not (found := sha256_of(path)).startswith(file.sha256):
        raise BenchError(
            f"{file.url}: what came has sha256 {found[:16]}..., the published file's begins with {file.sha256}; "
            f"nothing of it is kept: try again, or fetch it elsewhere and put it into {path.parent}"
        )


def sha256_of(path: Path) -> str:
    """Return a file's sha256; read again only after it has changed.

    Raises:
        BenchError: it cannot be read.
    """
    try:
        status = path.stat()
        return _hashed(str(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from error


@lru_cache(maxsize=256)
def _hashed(path: str, size: int, changed_ns: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
