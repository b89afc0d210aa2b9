"""Setup: install an optional component into this environment, or download a model's weights."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import plugins
from bench.errors import BenchError, UnknownName

_LAST_LINES = 15
_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Component:
    """A component that is not part of a plain installation.

    Attributes:
        description: Its contents, in a few words.
        licence: Licence of its code and weights.
        pip: Arguments of `python -m pip`, one tuple per call, in order; none where it takes Debian packages.
        size_mb: Megabytes of what is downloaded, about.
        probe: Returns whether it is installed; imports nothing heavy.
        debian: Packages that a person installs with apt.
    """

    description: str
    licence: str
    pip: tuple[tuple[str, ...], ...]
    size_mb: int
    probe: Callable[[], bool]
    debian: tuple["Package", ...] = ()

    def __str__(self) -> str:
        """Description and licence."""
        return f"{self.description}; {self.licence}"


@dataclass(frozen=True)
class Package:
    """A Debian package.

    Attributes:
        name: Its name.
        licence: Its licence.
        file: A file that shows that it is installed.
    """

    name: str
    licence: str
    file: str


CORPUS = (
    Package("fluidsynth", "LGPL-2.1+", "/usr/bin/fluidsynth"),
    Package("fluid-soundfont-gm", "MIT", "/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Package("musescore-general-soundfont", "MIT", "/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
    Package("timgm6mb-soundfont", "GPL-2+", "/usr/share/sounds/sf2/TimGM6mb.sf2"),
    Package("csound-soundfont", "LGPL-2.1+", "/usr/share/sounds/sf2/sf_GMbank.sf2"),
    Package("avldrums.lv2-soundfont", "CC-BY-SA-3.0", "/usr/share/sounds/sf2/Red_Zeppelin_4_LV2.sf2"),
    Package(
        "hydrogen-drumkits",
        "by kit: CC0, CC-BY-3.0, CC-BY-SA-3.0, GPL-2+",
        "/usr/share/hydrogen/data/drumkits/ForzeeStereo/drumkit.xml",
    ),
)
"""What the sounds of the data set `varied` come from; data_manifests/varied/sources.sha256 has their files' hashes."""


def _has_corpus() -> bool:
    return all(Path(package.file).is_file() for package in CORPUS)


def _has_madmom() -> bool:
    return all(importlib.util.find_spec(package) is not None for package in ("madmom", "mido"))


COMPONENTS: dict[str, Component] = {
    # Its metadata declare no build dependencies, and no release for numpy 2: it is built against the packages that are
    # installed, and pip does not resolve its dependencies (numpy, scipy, mido).
    "madmom": Component(
        description="chord, piano note and beat recognisers madmom-chords-deep, -chords-cnn, -notes and -beats",
        licence="code BSD, models CC BY-NC-SA 4.0 (non-commercial)",
        pip=(
            ("install", "cython", "setuptools", "wheel"),
            ("install", "--no-build-isolation", "--no-deps", "madmom==0.16.1"),
            ("install", "mido"),
        ),
        size_mb=20,
        probe=_has_madmom,
    ),
    "corpus": Component(
        description="synthesiser, SoundFonts and drum kits of the data set varied, on which the extractors are trained",
        licence=", ".join(f"{package.name} {package.licence}" for package in CORPUS),
        pip=(),
        size_mb=300,
        probe=_has_corpus,
        debian=CORPUS,
    ),
}


def components() -> dict[str, Component]:
    """Return every optional component by name."""
    return dict(COMPONENTS)


def installed(name: str) -> bool:
    """Return whether the component is installed.

    Raises:
        UnknownName: no component has this name.
    """
    return _component(name).probe()


def setup(name: str) -> str:
    """Install a component into this environment, or download weights, unless they are there.

    Returns:
        One line about what was done, with the licence.

    Raises:
        UnknownName: no component and no weights have this name.
        BenchError: it consists of Debian packages, of which some are missing (with the command that installs them);
            pip failed (with the command and the end of its output), the component cannot be imported
            afterwards, or a file cannot be downloaded or is not the published one.
    """
    if name not in COMPONENTS and (one := plugins.weights().get(name)):
        one.fetch()
        return f"{name} is in {one.folder}: {one}"
    component = _component(name)
    if component.probe():
        return f"{name} is already installed: {component}"
    if component.debian:
        missing = [package for package in component.debian if not Path(package.file).is_file()]
        names = " ".join(package.name for package in missing)
        raise BenchError(
            f"bench setup {name}: {missing[0].file} and {len(missing) - 1} more are missing; install them with "
            f"`apt-get install --no-install-recommends {names}` (Debian 12; {component})"
        )
    for arguments in component.pip:
        _pip(name, arguments)
    importlib.invalidate_caches()
    if not component.probe():
        raise BenchError(f"pip installed {name}, but {sys.executable} does not find it; check which Python pip uses")
    return f"{name} is installed: {component}"


def _component(name: str) -> Component:
    if name not in COMPONENTS:
        raise UnknownName("component", name, [*COMPONENTS, *plugins.weights()])
    return COMPONENTS[name]


def _pip(name: str, arguments: tuple[str, ...]) -> None:
    """Run one pip call, quietly unless it fails."""
    command = [sys.executable, "-m", "pip", *arguments]
    shown = " ".join(["python", *command[1:]])
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"bench setup {name}: `{shown}` could not be completed ({error}); run it again") from error
    if done.returncode:
        output = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
        raise BenchError(
            f"bench setup {name}: `{shown}` failed with exit code {done.returncode}. It needs a C compiler, Python's "
            f"headers and a package index. The end of its output:\n{output}"
        )
