"""Output: text is printed without errors in any encoding."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bench.cli.output import IN_ASCII, _fit, in_ascii

ROOT = Path(__file__).parents[2]
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENCODINGS = {"cp1252": {"PYTHONIOENCODING": "cp1252"}, "ascii": {"PYTHONIOENCODING": "ascii"}, "C": C_LOCALE}


def bench(words, settings):
    """Run the command line into pipes, whose encoding is that of the settings."""
    named = ("PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL", "LC_CTYPE", "LANG")
    kept = {name: value for name, value in os.environ.items() if name not in named}
    environment = kept | {"PYTHONPATH": str(ROOT)} | settings
    done = subprocess.run([sys.executable, "-m", "bench", *words], env=environment, cwd=ROOT, capture_output=True)
    assert b"Traceback" not in done.stderr, done.stderr.decode("utf-8", "replace")
    encoding = "cp1252" if settings.get("PYTHONIOENCODING") == "cp1252" else "ascii"
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_board_can_be_printed_in_any_encoding(name):
    code, out, _ = bench(["report"], ENCODINGS[name])
    assert code == 0
    first = out.splitlines()[1:8]
    assert first[0].startswith("+---") and "f1 ^" in out and "->0" in out
    assert len({len(line) for line in first}) == 1, "columns are not aligned"
    assert ("2–4 =" if name == "cp1252" else "2-4 =") in out and "?" not in out


@pytest.mark.parametrize("name", ["ascii", "C"])
def test_errors_name_files_in_ascii(name, tmp_path):
    code, out, error = bench(["check", str(tmp_path / "Café – 1")], ENCODINGS[name])
    assert code == 2 and not out
    assert (
        error
        == f"bench: {tmp_path}/Cafe - 1: no such folder; give the folder that holds submission.yaml and the WAVs\n"
    )


def test_typography_is_replaced_by_ascii():
    assert in_ascii("2–4 ± 0.5 × … → ↑ ↓ − “a” ‘b’ ┃━ 3°") == "2-4 +- 0.5 x ... -> ^ v - \"a\" 'b' |- 3 deg"
    assert in_ascii("Café Ñandú Åse\xa0ö") == "Cafe Nandu Ase o"
    assert in_ascii("歌 ß ½ \udce9") == "\\u6b4c \\xdf \\xbd \\udce9"


@pytest.mark.parametrize(("encoding", "said"), [("ascii", "a->0 - e"), ("cp1252", "a->0 – é"), ("utf-8", "a→0 – é")])
def test_characters_are_replaced_before_columns_are_laid_out(encoding, said):
    table = Table(title=Text("a→0 – é"), caption=Text("a→0 – é"))
    table.add_column(Text("a→0 – é"))
    table.add_row(Text("a→0 – é"))
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding, errors=IN_ASCII), width=40)
    group = Group(table)
    _fit(group, encoding)
    console.print(group)
    console.file.flush()
    assert raw.getvalue().decode(encoding).count(said) == 4


def test_a_training_list_is_utf_8_with_any_stream(tmp_path):
    time_s = np.arange(3 * 16000) / 16000
    soundfile.write(tmp_path / "Café – 1.wav", 0.1 * np.sin(2 * np.pi * 300 * time_s**1.5), 16000)
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONIOENCODING="ascii")
    command = [sys.executable, "-m", "bench", "fingerprint", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.decode("utf-8").startswith("Café – 1\t")
