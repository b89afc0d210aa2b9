"""The example of another environment: from requests alone to a submission that is checked and scored."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from bench.cli.app import app
from bench.paths import PACKAGE

SCRIPT = PACKAGE.parent / "examples" / "submission_with_numpy.py"
ALONE = """
import runpy, sys
class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("bench", "yaml", "torch", "scipy", "librosa"):
            raise ImportError(name)
sys.meta_path.insert(0, Closed())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bench(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.stdout


def test_a_script_without_bench_answers_what_bench_builds(tmp_path: Path) -> None:
    built = json.loads(bench("build", "--task", "inpaint-drums", "--limit", "2", "--out", tmp_path / "runs", "--json"))
    assert built["leaks"] == []
    handed = tmp_path / "handed-out"
    Path(built["requests"]).rename(handed)
    words = [sys.executable, "-c", ALONE, SCRIPT, handed, tmp_path / "mine"]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
    assert json.loads(bench("check", tmp_path / "mine", "--requests", handed, "--strict", "--json"))["ok"]
    handed.rename(built["requests"])
    shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path, "mine")
    tables = []
    for out, form in (("first", "mine"), ("second", "mine"), ("packed", "mine.zip")):
        bench("score", tmp_path / form, "--examples", built["folder"], "--out", tmp_path / out)
        (path,) = (tmp_path / out / "results").rglob("loop-and-control.csv")
        tables.append(path.read_bytes())
    assert tables[0] == tables[1] == tables[2] and tables[0].count(b"\n") > 20
