"""Records of tracks: each track is read once, an interrupted run continues, unreadable tracks are named."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.recordings.library import select
from bench.recordings.selection import TrackLevels
from bench.recordings.tracks import tracks_of
from bench.runtime.executor import Processes

NAMES = [f"song {k}" for k in range(5)]


@dataclass
class Shelf:
    """Tracks are files with their level and length in them, and note beside the set that they were read."""

    root: Path
    name: str = "shelf"
    splits: tuple[str, ...] = ("test",)

    def tracks(self, split):
        return NAMES

    def files(self, track):
        return [self.root / track]

    def levels(self, track):
        with (self.root.parent / "listened").open("a") as log:
            log.write(f"{track} {os.getpid()}\n")
        try:
            level, seconds = map(float, (self.root / track).read_text().split())
        except ValueError:
            raise BenchError(f"{self.root / track}: no numbers") from None
        sound = np.full(round(seconds * 10), level)
        return TrackLevels(seconds, sound, sound, None if track == NAMES[0] else sound / 100, np.arange(0.5, seconds))

    def problems(self, track):
        return []

    def about(self, track):
        return f"about {track}"

    def listened(self):
        log = self.root.parent / "listened"
        return [line.rsplit(" ", 1) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    (tmp_path / "shelf").mkdir()
    for k, name in enumerate(NAMES):
        (tmp_path / "shelf" / name).write_text(f"0.01 {40 + k}")
    return Shelf(tmp_path / "shelf")


def test_a_record_describes_its_track(shelf):
    found = tracks_of(shelf, "test", 0)
    assert list(found) == NAMES
    last = found[NAMES[4]]
    assert (last.duration_s, last.has_beats, last.why, last.prompt) == (44.0, True, "", "about song 4")
    assert last.mix_db == pytest.approx(-20) and last.drums_db == pytest.approx(-40)
    assert found[NAMES[0]].drums_db is None
    assert last.start_s is not None and (last.start_s + 0.04) % 1 == pytest.approx(0.5)


def test_a_track_is_read_again_only_if_its_file_or_the_seed_changes(shelf):
    first = tracks_of(shelf, "test", 0)
    assert tracks_of(shelf, "test", 0) == first and len(shelf.listened()) == 5
    (shelf.root / NAMES[2]).write_text("0.01 100")
    again = tracks_of(shelf, "test", 0)
    assert [track for track, _ in shelf.listened()][5:] == [NAMES[2]] and again[NAMES[2]].duration_s == 100
    tracks_of(shelf, "test", 1)
    assert len(shelf.listened()) == 11


def test_a_folder_that_cannot_be_written_is_named_with_its_variable(shelf, tmp_path):
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(BenchError, match=r"cannot write .*kept/shelf.*choose another folder with \$BENCH_MANIFESTS"):
        tracks_of(shelf, "test", 0)


def test_a_track_with_a_damaged_record_is_read_again(shelf, tmp_path):
    first = tracks_of(shelf, "test", 0)
    for path, text in zip(
        sorted((tmp_path / "kept").rglob("*.json")), ["{", "[]", '{"why": ""}', "null", "7"], strict=True
    ):
        path.write_text(text)
    assert tracks_of(shelf, "test", 0) == first and len(shelf.listened()) == 10


def test_all_unreadable_tracks_are_named_after_the_others_were_read(shelf):
    (shelf.root / NAMES[1]).write_text("nothing")
    with pytest.raises(BenchError, match=r"song 1: no numbers$") as one:
        tracks_of(shelf, "test", 0)
    assert "\n" not in str(one.value)
    (shelf.root / NAMES[3]).unlink()
    with pytest.raises(BenchError) as two:
        tracks_of(shelf, "test", 0)
    lines = str(two.value).splitlines()
    assert lines[0] == f"{shelf.root}: 2 of 5 tracks of test cannot be read"
    assert lines[1].endswith("song 1: no numbers") and "song 3: cannot be read (No such file" in lines[2]
    for name in (NAMES[1], NAMES[3]):
        (shelf.root / name).write_text("0.01 40")
    n = len(shelf.listened())
    assert len(tracks_of(shelf, "test", 0)) == 5 and len(shelf.listened()) == n + 2


def test_an_interrupted_run_continues_where_it_stopped(shelf, monkeypatch):
    whole = Shelf.levels
    monkeypatch.setattr(
        Shelf, "levels", lambda s, t: whole(s, t) if t < NAMES[3] else (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        select(shelf, "test")
    monkeypatch.setattr(Shelf, "levels", whole)
    assert len(select(shelf, "test").manifest.excerpts) == 5 and len(shelf.listened()) == 5


def test_workers_share_the_tracks_and_give_the_same_records(shelf, tmp_path, monkeypatch):
    side_by_side = tracks_of(shelf, "test", 0, Processes(2))
    assert {pid for _, pid in shelf.listened()}.isdisjoint({str(os.getpid())}) and len(shelf.listened()) == 5
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "other"))
    assert tracks_of(shelf, "test", 0) == side_by_side
