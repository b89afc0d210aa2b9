"""What `bench list` lists, without importing anything heavy."""

import subprocess
import sys

from bench.upkeep.listing import KINDS, listing


def test_the_list_command_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "bench", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in imported and "inpaint-drums" in done.stdout
    assert not imported & {"numpy", "pandas", "torch", "librosa", "scipy", "soundfile", "yaml", "mir_eval", "jinja2"}


def test_listing_one_kind_lists_that_kind() -> None:
    assert set(listing()) == set(KINDS)
    assert list(listing("models")) == ["models"] and "noise" in listing("models")["models"]
    tasks = listing("tasks")["tasks"]
    assert "defaults" not in tasks and tasks["inpaint-drums"][0] not in "\"'"
