"""Tests of bench.site.folder: what is chosen, what is left out, what is removed."""

import shutil

import pytest

from bench.errors import BenchError
from bench.site import folder
from bench.site.folder import write_players, write_tables
from bench.site.present import board_of
from tests.site.small import HOSTILE, MANIFEST, SYSTEMS, TASK, write_small


@pytest.fixture
def light(monkeypatch):
    """Replace player pages by short ones without sounds; return their arguments."""
    written = {}

    def page(example, stage):
        written[example.request.id] = stage
        return "x" * 1000

    monkeypatch.setattr(folder, "player_page", page)
    return written


@pytest.fixture
def run(tmp_path, small):
    shutil.copytree(small.folder, tmp_path / "run")
    return type(small)(tmp_path / "run", small.manifest)


def listen(run):
    return sorted(path.stem for path in (run.site / "listen").rglob("*.html"))


def test_systems_are_in_the_tables_order_without_those_that_equal_given_tracks(run, light):
    write_players(run.site, board_of(run.folder), run.folder, is_whole=False)
    assert [name for name, _ in light["song-00"].outputs] == ["strong", HOSTILE, "weak", "copy-control"]
    assert light["song-00"].scores["strong"].startswith("chord-accuracy 0.9")


def test_all_systems_are_played_with_is_whole(run, light, monkeypatch):
    monkeypatch.setattr(folder, "MOST_EXAMPLES", 1)
    monkeypatch.setattr(folder, "MOST_SYSTEMS", 2)
    write_players(run.site, board_of(run.folder), run.folder, is_whole=False)
    assert list(light) == ["song-00"]
    assert len(light["song-00"].outputs) == 2
    write_players(run.site, board_of(run.folder), run.folder, is_whole=True)
    assert set(light) == {"song-00", "song-01", "song-02"}
    assert {name for name, _ in light["song-00"].outputs} == set(SYSTEMS)


@pytest.mark.parametrize(("n_tasks", "n_systems"), [(1, 4), (22, 3), (70, 2)])
def test_many_tasks_have_fewer_systems_each(run, light, n_tasks, n_systems):
    for k in range(1, n_tasks):
        (run.folder / "examples" / f"task-{k}" / MANIFEST).mkdir(parents=True)
    write_players(run.site, board_of(run.folder), run.folder, is_whole=False)
    assert len(light["song-00"].outputs) == n_systems


def test_examples_beyond_the_size_limit_are_left_out_and_named(run, light, monkeypatch):
    board = board_of(run.folder)
    tables = sum(path.stat().st_size for path in write_tables(run.site, board))
    monkeypatch.setattr(folder, "MOST_BYTES", tables + 2500)
    assert write_players(run.site, board, run.folder, is_whole=False) == [f"{TASK}: song-02"]
    assert listen(run) == ["song-00", "song-01"]
    assert write_players(run.site, board, run.folder, is_whole=True) == []


def test_only_outdated_pages_are_removed(run, light):
    stale, kept = (run.site / "listen" / TASK / MANIFEST / name for name in ("gone.html", "notes.txt"))
    for path in (stale, kept):
        path.write_text("x")
    write_players(run.site, board_of(run.folder), run.folder, is_whole=False)
    assert not stale.exists()
    assert kept.exists()


def test_sounds_of_another_manifest_are_not_played(run, light):
    index = run.folder / "examples" / TASK / MANIFEST / "index.csv"
    index.write_text(index.read_text().replace("song-02,folder", "song-02,other"))
    write_players(run.site, board_of(run.folder), run.folder, is_whole=False)
    assert listen(run) == []


def test_an_example_that_is_not_built_is_named(run, light):
    (run.folder / "examples" / TASK / MANIFEST / "requests" / "song-01" / "request.yaml").unlink()
    with pytest.raises(BenchError, match="song-01 is not built; run the same `bench build` again"):
        write_players(run.site, board_of(run.folder), run.folder, is_whole=False)


def test_an_unreadable_output_is_named_on_the_page(tmp_path):
    run = write_small(tmp_path)
    (tmp_path / "submissions" / TASK / MANIFEST / "weak" / "song-00.wav").write_text("no sound")
    (one,) = folder._sets(board_of(run.folder), run.folder, False)
    assert "weak: its output cannot be read as sound" in folder._page(one, "song-00")
