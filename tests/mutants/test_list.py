"""The list of mutations is that of today's code: each stands exactly once where it says, and names tests that are there."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = yaml.safe_load((ROOT / "tests/mutants/mutants.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{m['file']}: {m['why']}"[:80] for m in MUTANTS])
def test_a_mutation_stands_once_in_its_file(mutant):
    assert (ROOT / mutant["file"]).read_text(encoding="utf-8").count(mutant["old"]) == 1
    assert mutant["old"] != mutant["new"] and all(
        (ROOT / name.partition("::")[0]).exists() for name in mutant["tests"].split()
    )
