"""Change masks, metrics and statistics one small step at a time; every change must make a named test fail.

`python tests/mutants/kill.py [WORD]` runs all listed mutations (or those whose file or reason contains WORD) and ends with
1 if one survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("bench", "tests", "tasks", "data_manifests", "leaderboard", "recipes", "weights", "benchmarks")
WORKERS = 2


@dataclass(frozen=True)
class Mutant:
    """One change: in `file` the text `old`, which stands there once, becomes `new`; `tests` must notice."""

    file: str
    old: str
    new: str
    tests: str
    why: str


def main(words: list[str]) -> int:
    listed = yaml.safe_load((ROOT / "tests/mutants/mutants.yaml").read_text(encoding="utf-8"))
    mutants = [Mutant(**entry) for entry in listed]
    mutants = [m for m in mutants if all(word in m.file + m.why for word in words)]
    faults = [m for m in mutants if (ROOT / m.file).read_text(encoding="utf-8").count(m.old) != 1]
    for mutant in faults:
        print(f"stale: {mutant.file}: {mutant.old!r} does not stand there exactly once")
    if faults or not mutants:
        return 1
    with tempfile.TemporaryDirectory() as folder:
        places = [copy(Path(folder) / str(k)) for k in range(WORKERS)]
        named = sorted({test for mutant in mutants for test in mutant.tests.split()})
        healthy = run(places[0], named)
        if healthy.returncode:
            print(f"the tests fail without any mutation:\n{healthy.stdout[-3000:]}")
            return 1
        with ThreadPoolExecutor(WORKERS) as pool:
            shares = [[(places[k], m) for m in mutants[k::WORKERS]] for k in range(WORKERS)]
            verdicts = dict(pair for share in pool.map(kill_all, shares) for pair in share)
    survivors = [mutant for mutant in mutants if not verdicts[mutant]]
    for mutant in survivors:
        print(f"survived: {mutant.file}: {mutant.old!r} -> {mutant.new!r} ({mutant.why})")
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed")
    return 1 if survivors else 0


def copy(place: Path) -> Path:
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def kill_all(share: list[tuple[Path, Mutant]]) -> list[tuple[Mutant, bool]]:
    return [(mutant, kill(place, mutant)) for place, mutant in share]


def kill(place: Path, mutant: Mutant) -> bool:
    path = place / mutant.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        result = run(place, mutant.tests.split())
    finally:
        path.write_text(text, encoding="utf-8")
    # 1 is a failed test; anything else (no tests, a usage error) kills nothing.
    is_killed = result.returncode == 1
    print(f"{'killed  ' if is_killed else 'SURVIVED'} {mutant.file}: {mutant.why}", flush=True)
    return is_killed


def run(place: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
