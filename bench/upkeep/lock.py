"""Lock: the sha256 of every task and its manifests, so that no score changes its meaning unnoticed.

`bench lock` writes tasks/versions.lock; a test compares. A task that changes must raise its version.
"""

import hashlib
from pathlib import Path

from bench import plugins
from bench.errors import BenchError
from bench.formats import dump_yaml, read_yaml
from bench.paths import home, is_clone, write_text
from bench.pipeline.source import source_named
from bench.task import defaults, load_task, task_names

LOCK = "versions.lock"


def locks() -> dict[str, dict[str, str]]:
    """Return the sha256 of every task's file and of each of its manifests, by `name@version`."""
    hashes = {}
    for name in task_names():
        task = load_task(name)
        text = (home("tasks") / f"{name}.yaml").read_bytes()
        manifests = dict.fromkeys((task.manifest, defaults().manifest))
        hashes[f"{name}@{task.version}"] = {
            "task": hashlib.sha256(text).hexdigest(),
            **{manifest: _manifest_sha(manifest) for manifest in manifests},
        }
    return hashes


def check() -> list[str]:
    """List differences between the tasks and the committed lock."""
    committed = read_yaml(home("tasks") / LOCK)
    problems = []
    for key, wanted in locks().items():
        if key not in committed:
            problems.append(f"{key} is not locked; run `bench lock`")
        elif committed[key] != wanted:
            changed = ", ".join(part for part in wanted if committed[key].get(part) != wanted[part])
            problems.append(
                f"{key}: {changed} changed; raise its version, name it under Scores in CHANGELOG.md, lock again"
            )
    return problems


def write() -> Path:
    """Write the lock; return its file.

    Raises:
        BenchError: a task changed and kept its version, or bench does not run from a clone.
    """
    if not is_clone():
        raise BenchError("bench lock writes into tasks/ of a clone; run it from there, not from an installed wheel")
    path = home("tasks") / LOCK
    kept = read_yaml(path) if path.exists() else {}
    wanted = locks()
    changed = [key for key in wanted if key in kept and kept[key] != wanted[key]]
    if changed:
        raise BenchError(
            f"{', '.join(changed)} changed but kept its version; raise it first (or remove its line from {path})"
        )
    write_text(path, dump_yaml(wanted))
    return path


def _manifest_sha(manifest: str) -> str:
    source = source_named(manifest)
    sha: str = plugins.load("datasets", source.dataset).select(source.manifest).sha256
    return sha
