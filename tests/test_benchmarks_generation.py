import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_ours_transformers_and_the_plain_loop_give_the_same_tokens(dtype):
    words = [
        "--shape",
        "tiny",
        "--frames",
        "12",
        "--batch",
        "1",
        "3",
        "--repeats",
        "1",
        "--warm",
        "0",
        "--json",
        "--dtype",
    ]
    found = subprocess.run(
        [sys.executable, str(HERE / "benchmarks" / "generation.py"), *words, dtype],
        env={**os.environ, "PYTHONPATH": str(HERE)}, capture_output=True, text=True, cwd=HERE,
    )  # fmt: skip
    assert found.returncode in (0, 1), found.stderr
    speeds = json.loads(found.stdout)["speeds"]
    assert [one["batch"] for one in speeds] == [1] * 4 + [3] * 4
    compared = [one for one in speeds if one["against"]]
    assert len(compared) == 4
    for one in compared:
        assert one["times_faster"] > 0 and one["tokens_per_s"] > 0 and one["peak_mib"] > 10
        assert dtype == "bfloat16" or one["same_tokens"] == 1
        assert one["over_floor"] is None
