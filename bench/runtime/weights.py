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
            BenchError: nobody publishes a file, it cannot be fetched, or it is not the published one.
        """
        for file in self.files:
            path = self.folder / file.name
            if path.is_file():
                verify(path, file)
            elif file.is_in(self.folder):
                continue  # under its other name, of which no hash is published
            elif not file.url.startswith("https://"):
                raise BenchError(f"{self.name}: {file.name} is yours to put into {self.folder}")
            else:
                download(file.url, path, partial(_verify_fetched, file=file), f"${VARIABLE}")

    def find(self, instead: str) -> Path:
        """Return the folder with all files in it, each with its published hash.

        Args:
            instead: What runs without it, for the message.

        Raises:
            MissingComponent: a file is missing, with the command that gets it.
            BenchError: a file is not the published one.
        """
        missing = [file.name for file in self.files if not file.is_in(self.folder)]
        if missing:
            way = f"get it with `bench setup {self.name}` or put it there" if self.files[0].url else "put it there"
            raise MissingComponent(
                f"{self.name} needs {', '.join(missing)} in {self.folder}; {way} (${VARIABLE} names the folder above; "
                f"{self.licence}); {instead}"
            )
        for file in self.files:
            if (path := self.folder / file.name).is_file():
                verify(path, file)
        return self.folder


def home() -> Path:
    """Return the folder of all weights."""
    return Path(os.environ.get(VARIABLE) or caches() / "weights")


def shipped(name: str, on: str = "") -> Path:
    """Return a weight file that comes with the installation, or the one of its name in `$BENCH_WEIGHTS`/mini.

    Args:
        name: The file's, without suffix.
        on: The file that it rests on: beside one of the user's own, what comes with the installation does not count.

    Raises:
        MissingComponent: there is neither.
    """
    own = home() / "mini"
    folders = (own,) if on and (own / f"{on}.safetensors").is_file() else (own, installed("weights"))
    for folder in folders:
        if (path := folder / f"{name}.safetensors").is_file():
            return path
    yours = f" on your {on}" if len(folders) == 1 else ""
    raise MissingComponent(f"{path}: missing; train it{yours} with `bench train {name}`")


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
