"""Provenance: what a number rests on, written beside it as `<system>.run.yaml`. Seconds and dates live only there."""

import platform
import subprocess
import time
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.formats import dump_yaml
from bench.paths import PACKAGE, write_text

PACKAGES = (
    "numpy",
    "scipy",
    "librosa",
    "soxr",
    "soundfile",
    "mir_eval",
    "pyloudnorm",
    "pretty_midi",
    "madmom",
    "torch",
)

SCORED_BY = ("bench", "tasks", "data_manifests", "constraints.txt")
"""What scores depend on; a board that is being written makes no commit dirty."""


@dataclass
class Provenance:
    """Everything a stranger needs to make a row again.

    Attributes:
        what: Task, manifest and system with their hashes, seeds and options.
        seconds: Wall-clock seconds per step.
    """

    what: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the YAML form with versions, commit, platform and date."""
        keys = {
            **self.what,
            "bench": version(),
            "commit": commit(),
            "python": platform.python_version(),
            "packages": {name: found for name in PACKAGES if (found := _version_of(name))},
            "platform": f"{platform.system()} {platform.machine()}",
            "device": "cpu",
            "date": time.strftime("%Y-%m-%d"),
            "seconds": {step: round(value, 2) for step, value in self.seconds.items()},
        }
        write_text(path, dump_yaml(keys))


@cache
def version() -> str:
    """Return the version of the installed distribution."""
    return _version_of("steerbench") or "0+unknown"


@cache
def commit() -> str:
    """Return the clone's commit, `-dirty` behind it where code or tasks differ, `unknown` outside a clone."""
    git = ["git", "-C", str(PACKAGE.parent)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, encoding="utf-8", check=True, timeout=10
        )
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *SCORED_BY], capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head.stdout.strip() + ("-dirty" if changed.returncode else "")


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
