"""Files on disk: atomic writes, locks, the cache, score rows, manifests, cards of submissions."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.audio import Audio
from bench.errors import BenchError
from bench.manifest import Excerpt, Manifest, read_manifest, song_of
from bench.paths import atomic, home, write_text
from bench.runtime.cache import Cache, key_of
from bench.runtime.layout import Layout
from bench.runtime.locks import exclusive
from bench.scores import Row, read_rows, write_rows
from bench.submission import Card, read_submission, write_card
from bench.symbols import Beats, Chords, Frames, Notes

NAN = float("nan")


class TestAtomic:
    def test_the_old_file_stays_until_the_new_one_is_complete(self, tmp_path: Path) -> None:
        write_text(tmp_path / "a.txt", "old")
        with pytest.raises(RuntimeError, match="half way"), atomic(tmp_path / "a.txt") as part:
            part.write_text("ne")
            assert (tmp_path / "a.txt").read_text() == "old"
            raise RuntimeError("half way")
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
        write_text(tmp_path / "a.txt", "new")
        assert (tmp_path / "a.txt").read_text() == "new"

    def test_an_unwritable_path_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BenchError, match=r"cannot write .*file/a\.txt: .*; choose another folder"):
            write_text(tmp_path / "file" / "a.txt", "x")

    def test_a_full_disk_gives_one_line_and_exit_code_2(self, tmp_path: Path) -> None:
        """A full disk is simulated by a limit on file sizes."""
        code = (
            "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
            "from bench.cli.app import main; sys.argv = ['bench', 'build', '--task', 'inpaint-drums', '--limit', '1',"
            f" '--out', {str(tmp_path / 'out')!r}]; main()"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 2
        *before, error = done.stderr.strip().splitlines()
        assert "File too large" in error and all(line.startswith("extractors for composed music") for line in before)

    def test_folders_of_the_repository_are_found_and_others_are_not(self) -> None:
        assert (home("tasks") / "defaults.yaml").is_file()
        with pytest.raises(BenchError, match="the folder 'nothing' is missing"):
            home("nothing")


HOLD = "import sys, time; from pathlib import Path; from bench.runtime.locks import exclusive\nwith exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


class TestExclusive:
    def test_a_second_run_is_refused_and_a_dead_process_releases_the_lock(self, tmp_path: Path) -> None:
        holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(BenchError, match=rf"in use by another run \(process {holder.pid}\)"), exclusive(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with exclusive(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())

    def test_errors_of_the_block_are_not_reported_as_lock_errors(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"song\.wav"), exclusive(tmp_path):
            (tmp_path / "song.wav").read_bytes()
        with exclusive(tmp_path):
            pass

    def test_an_unwritable_lock_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(handle: int, length: int) -> None:
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(os, "ftruncate", full)
        with pytest.raises(BenchError, match=f"cannot write {tmp_path}: No space left on device"), exclusive(tmp_path):
            pytest.fail("held a lock that was not written")
        monkeypatch.undo()
        with exclusive(tmp_path):
            pass

    def test_the_folders_of_a_run(self, tmp_path: Path) -> None:
        layout = Layout(tmp_path)
        assert layout.submission("t", "m", "s") == tmp_path / "submissions/t/m/s"
        assert (
            layout.results("t", "m") == tmp_path / "results/t/m"
            and layout.examples("t", "m") == tmp_path / "examples/t/m"
        )


CONTENTS = [
    Audio(np.array([[0.1, -0.2]]), 8000),
    Chords(np.array([[0.0, 1.0]]), ("A:min7/b3",)),
    Chords(np.zeros((0, 2)), ()),
    Notes(np.array([[0.0, 1.0]]), [60], [90], [128]),
    Beats(np.array([0.5]), np.array([1])),
    Frames(np.ones((2, 3)), 43.06640625),
]


class TestCache:
    @pytest.mark.parametrize("content", CONTENTS, ids=lambda c: type(c).__name__)
    def test_a_content_is_computed_once_and_read_back_equal(self, tmp_path: Path, content) -> None:
        Cache(tmp_path).content("ab12", lambda: content)
        back = Cache(tmp_path).content("ab12", lambda: pytest.fail("computed again"))
        assert type(back) is type(content)
        for name in content.__dataclass_fields__:
            mine, theirs = getattr(content, name), getattr(back, name)
            assert np.array_equal(mine, theirs) and type(mine) is type(theirs)

    @pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nonsense", None])
    def test_a_damaged_entry_is_recomputed(self, tmp_path: Path, damage: bytes | None) -> None:
        Cache(tmp_path).content("ab12", lambda: CONTENTS[0])
        (path,) = tmp_path.rglob("*.npz")
        path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
        assert Cache(tmp_path).content("ab12", lambda: CONTENTS[4]) is CONTENTS[4]

    def test_records_keep_nan_and_survive_damage(self, tmp_path: Path) -> None:
        store = Cache(tmp_path)
        store.keep("ab12", {"value": NAN, "n": 3})
        assert np.isnan(Cache(tmp_path).record("ab12")["value"])
        next(tmp_path.rglob("*.json")).write_text("{")
        assert Cache(tmp_path).record("ab12") is None and store.record("none") is None

    def test_keys_differ_for_different_parts(self) -> None:
        assert key_of("a", "bc") != key_of("ab", "c") and key_of("a", 1) == key_of("a", "1")


ROW = Row(
    "t", 1, "m", "sha", "s", "sdr", "id, with | signs", "hole", "*", 0.1 + 0.2, NAN, 1e-300, 3.0, 4, "ok", NAN, -0.0
)


class TestRows:
    def test_numbers_are_read_back_exactly(self, tmp_path: Path) -> None:
        write_rows(tmp_path / "r.csv", [ROW, replace(ROW, system='x"y\nz')])
        first, second = read_rows(tmp_path / "r.csv")
        assert first.value == 0.1 + 0.2 and first.high == 1e-300 and np.isnan(first.low) and np.isnan(first.chance)
        assert second.system == 'x"y\nz' and first.identity == ROW.identity and first.n_requested == 4

    @pytest.mark.parametrize(
        ("text", "said"),
        [("", "r.csv:1: want the columns"), ("a,b\n", "r.csv:1: want the columns")],
    )
    def test_malformed_tables_are_refused(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "r.csv").write_text(text)
        with pytest.raises(BenchError, match=said):
            read_rows(tmp_path / "r.csv")

    def test_a_field_that_is_not_a_number_is_named(self, tmp_path: Path) -> None:
        write_rows(tmp_path / "r.csv", [ROW])
        text = (tmp_path / "r.csv").read_text()
        (tmp_path / "r.csv").write_text(text.replace("1e-300", "high"))
        with pytest.raises(BenchError, match=r"r\.csv:2: could not convert string to float: 'high'"):
            read_rows(tmp_path / "r.csv")
        with pytest.raises(BenchError, match=r"none\.csv: cannot be read"):
            read_rows(tmp_path / "none.csv")


MANIFEST = Manifest(
    "m", (Excerpt("a", "d", "track, one", 1.5, 15.0, "slow, minor"), Excerpt("a--2", "d", "t", 0.0, 15.0))
)


class TestManifest:
    def test_a_manifest_is_read_back_as_written(self, tmp_path: Path) -> None:
        (tmp_path / "m.csv").write_text(MANIFEST.text)
        assert read_manifest(tmp_path / "m.csv") == MANIFEST
        assert read_manifest(tmp_path / "m.csv").sha256 == MANIFEST.sha256

    def test_limits_and_lengths(self) -> None:
        assert MANIFEST.limited(1).name == "m-first1" and len(MANIFEST.limited(1).excerpts) == 1
        assert MANIFEST.limited(None) is MANIFEST and MANIFEST.limited(2) is MANIFEST
        assert {e.duration_s for e in MANIFEST.lasting(30).excerpts} == {30.0}
        assert MANIFEST.lasting(30).sha256 != MANIFEST.sha256
        with pytest.raises(BenchError, match="--limit 0: want at least 1"):
            MANIFEST.limited(0)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("id,dataset", "id,data", "m.csv:1: want the columns"),
            ("1.5", "soon", "m.csv:2: could not convert"),
            ("a--2", "a", "two excerpts have the same id"),
            (",slow", "", "m.csv:2: "),
        ],
    )
    def test_a_broken_manifest_is_named(self, tmp_path: Path, old: str, new: str, said: str) -> None:
        text = (
            MANIFEST.text
            if old != ",slow"
            else MANIFEST.text.replace('"slow, minor"', "").replace(",15.0,\n", ",15.0\n", 1)
        )
        (tmp_path / "m.csv").write_text(text.replace(old, new, 1))
        with pytest.raises(BenchError, match=said):
            read_manifest(tmp_path / "m.csv")

    def test_the_song_is_read_from_the_id(self) -> None:
        assert song_of("a-b--3") == "a-b" and song_of("a-b") == "a-b"


class TestCard:
    def test_a_card_is_read_back_as_written(self, tmp_path: Path) -> None:
        card = Card("my-model.2", "t", 1, "m", contact="me <me@x>", parameters=7, generation_seconds=1.5)
        write_card(tmp_path, card)
        assert read_submission(tmp_path).card == card
        assert read_submission(tmp_path).failures == {}

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("system: ../evil", "is not 1 to 64"),
            ("system: UPPER", "is not 1 to 64"),
            (f"system: {'a' * 65}", "is not 1 to 64"),
            ("system: 7", "system: want text, found 7"),
            ("parameters: many", "parameters: want a whole number, found 'many'"),
            ("parameters: true", "parameters: want a whole number, found True"),
            ("color: red", "no key is called 'color'"),
        ],
    )
    def test_a_bad_card_is_named(self, tmp_path: Path, line: str, said: str) -> None:
        keys = {"system": "system: a", "task": "task: t", "task_version": "task_version: 1", "manifest": "manifest: m"}
        keys[line.partition(":")[0]] = line
        (tmp_path / "submission.yaml").write_text("\n".join(keys.values()))
        with pytest.raises(BenchError, match=said):
            read_submission(tmp_path)

    def test_a_missing_key_a_missing_card_and_a_missing_folder(self, tmp_path: Path) -> None:
        (tmp_path / "submission.yaml").write_text("system: a")
        with pytest.raises(BenchError, match="the keys 'task', 'task_version', 'manifest' are missing"):
            read_submission(tmp_path)
        (tmp_path / "submission.yaml").unlink()
        with pytest.raises(BenchError, match="a submission needs a card"):
            read_submission(tmp_path)
        with pytest.raises(BenchError, match="no such folder"):
            read_submission(tmp_path / "none")
