"""Library: folders of data sets, selected manifests, checks, statistics."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.errors import BenchError, CheckFailed, MissingComponent, UnknownName
from bench.manifest import read_manifest
from bench.paths import home
from bench.recordings.checksums import read_checksums
from bench.recordings.library import (
    dataset_card,
    ids_of,
    manifest_of,
    music_of,
    root_of,
    select,
    statistics,
    verify,
    write_selected,
)
from bench.recordings.selection import TrackLevels


@dataclass
class Shelf:
    """A data set whose tracks are files with their length in seconds in them."""

    root: Path
    name: str = "shelf"
    splits: tuple[str, ...] = ("test", "train")
    listened: list[str] = field(default_factory=list)

    def tracks(self, split):
        return sorted(f"{split}/{path.name}" for path in (self.root / split).glob("*"))

    def files(self, track):
        return [self.root / track]

    def levels(self, track):
        self.listened.append(track)
        seconds = float((self.root / track).read_text())
        sound = np.full(round(seconds * 10), 0.01)
        return TrackLevels(seconds, sound, sound, sound * (seconds > 50))

    def problems(self, track):
        return [] if (self.root / track).read_text() != "0" else [f"{track}: holds nothing"]

    def about(self, track):
        return f"about {track}"

    def select(self, manifest):
        return manifest_of(self, manifest)

    def verify(self):
        return verify(self)

    def statistics(self):
        return statistics(self)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    for name, seconds in {"test/A b": 100, "test/a-b": 90, "test/short": 5, "train/c": 60}.items():
        path = tmp_path / "shelf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(seconds))
    return Shelf(tmp_path / "shelf")


def test_a_data_set_that_is_not_there_says_where_and_how(tmp_path, monkeypatch):
    monkeypatch.delenv("BENCH_DATA", raising=False)
    with pytest.raises(MissingComponent, match=r"synthetic is not here \(\$BENCH_DATA is not set\): Made from seeds"):
        root_of("synthetic")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(MissingComponent, match=f"not in {tmp_path}/synthetic"):
        root_of("synthetic")
    (tmp_path / "synthetic").mkdir()
    assert root_of("synthetic") == tmp_path / "synthetic"
    assert root_of("synthetic", str(tmp_path)) == tmp_path
    with pytest.raises(MissingComponent, match="elsewhere"):
        root_of("synthetic", str(tmp_path / "elsewhere"))


def test_the_first_split_is_listed_by_the_rule_under_a_name_of_its_contents(shelf):
    manifest = manifest_of(shelf, None)
    assert manifest.name.startswith("shelf-test-") and not manifest.is_public
    assert [(e.id, e.track, e.prompt) for e in manifest.excerpts] == [
        ("test-a-b", "test/A b", "about test/A b"),
        ("test-a-b-2", "test/a-b", "about test/a-b"),
    ]
    assert all(1 <= e.start_s <= 69 and e.duration_s == 15 for e in manifest.excerpts)
    assert manifest_of(shelf, manifest.name) == manifest == manifest_of(shelf, "shelf-test")
    assert manifest_of(shelf, "shelf-train").excerpts[0].id == "train-c"


def test_a_manifest_is_selected_again_only_when_a_file_changes(shelf):
    first = manifest_of(shelf, None)
    n = len(shelf.listened)
    assert manifest_of(shelf, None) == first and len(shelf.listened) == n
    (shelf.root / "test" / "short").write_text("200")
    assert len(manifest_of(shelf, None).excerpts) == 3
    with pytest.raises(UnknownName, match="shelf-test-"):
        manifest_of(shelf, first.name)


def test_nothing_is_written_into_the_data_set(shelf):
    before = sorted(shelf.root.rglob("*"))
    manifest_of(shelf, None)
    assert sorted(shelf.root.rglob("*")) == before


def test_an_unknown_list_is_refused_with_those_that_are(shelf):
    with pytest.raises(UnknownName, match="did you mean shelf-test"):
        manifest_of(shelf, "shelf-tset")
    with pytest.raises(UnknownName, match="no split of shelf"):
        select(shelf, "middle")


def test_a_split_without_any_excerpt_says_why(shelf):
    (shelf.root / "train" / "c").write_text("3")
    with pytest.raises(BenchError, match=r"no track of train has an excerpt \(train/c: 3.0 s long"):
        select(shelf, "train")


def test_an_empty_folder_says_what_to_do(shelf):
    shutil.rmtree(shelf.root / "train")
    with pytest.raises(
        BenchError, match=r"train has an excerpt \(there are no tracks; `bench data verify shelf` lists what is missing"
    ):
        select(shelf, "train")
    shutil.rmtree(shelf.root / "test")
    assert verify(shelf) == [
        f"{shelf.root}: holds no tracks; data_manifests/shelf/card.yaml describes the folder's layout"
    ]


def test_a_manifest_to_commit_is_written_with_its_checksums(shelf, tmp_path):
    found = select(shelf, "test")
    assert list(found.left_out) == ["test/short"] and "5.0 s long" in found.left_out["test/short"]
    csv, sums = write_selected(shelf, found, tmp_path / "out")
    assert read_manifest(csv) == found.manifest and found.manifest.name == "shelf-test" and found.manifest.is_public
    assert sorted(read_checksums(sums)) == ["test/A b", "test/a-b"]


def test_committed_lists_win_and_lock_their_files(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.recordings.library.home", lambda name: tmp_path / name)
    write_selected(shelf, select(shelf, "test"), tmp_path / "data_manifests" / "shelf")
    committed = manifest_of(shelf, None)
    assert committed.name == "shelf-test" and committed.is_public
    assert verify(shelf) == []
    (shelf.root / "test" / "a-b").write_text("91")
    (shelf.root / "train" / "c").write_text("0")
    problems = verify(shelf)
    assert (
        problems[0] == "train/c: holds nothing" and problems[1].startswith("test/a-b: sha256 ") and len(problems) == 2
    )


def test_statistics_count_what_the_rule_takes(shelf):
    found = statistics(shelf)
    assert found["tracks"] == {"test": 3, "train": 1}
    assert found["test"]["excerpts"] == {"chosen": 2, "N s long, an excerpt takes N s with its edges": 1}
    assert found["test"]["share_with_drums"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["test"]["duration_s_quartiles"] == [5.0, 47.5, 90.0, 95.0, 100.0]


def test_the_command_selects_and_names_the_tracks_left_out(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "load", lambda kind, name, **options: shelf)
    found = CliRunner().invoke(app, ["data", "select", "shelf", "--out", str(tmp_path / "out")])
    assert found.exit_code == 0, found.output
    assert "2 excerpts; 1 tracks have none" in found.output and "test/short: 5.0 s long" in found.output
    said = json.loads(CliRunner().invoke(app, ["data", "select", "shelf", "--out", str(tmp_path), "--json"]).output)
    assert said["n"] == 2 and [Path(path).name for path in said["files"]] == ["shelf-test.csv", "shelf-test.sha256"]
    said = CliRunner().invoke(app, ["data", "verify", "shelf"]).output
    assert "there are no committed checksums" in said
    (shelf.root / "train" / "c").write_text("0")
    found = CliRunner().invoke(app, ["data", "verify", "shelf"])
    assert found.exit_code == CheckFailed.exit_code and "train/c: holds nothing" in found.output


def test_a_data_set_with_locked_manifests_is_refused(tmp_path):
    found = CliRunner().invoke(app, ["data", "select", "synthetic", "--out", str(tmp_path)])
    assert found.exit_code == 2 and "which are not chosen from files" in " ".join(found.output.split())


def test_ids_of_names():
    names = ["Höhle", "hohle", "A - b!", "--", "", "x" * 120, "..x--y.z.", "日本"]
    assert ids_of(names) == ["hohle", "hohle-2", "a-b", "track", "track-2", "x" * 100, "x-y.z", "track-3"]
    assert ids_of(["a-b-c", "a-bcd", "!"], longest=2, nameless="song") == ["a", "a-2", "song"]


@pytest.mark.parametrize(
    ("line", "said"),
    [("seed: many", "seed: want a whole number, found 'many'"), ("folders: a", "folders: want a list, found 'a'")],
)
def test_a_card_with_a_wrong_value_is_named(tmp_path, monkeypatch, line, said):
    monkeypatch.setattr("bench.recordings.library.home", lambda name: tmp_path)
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "card.yaml").write_text(f"{line}\n")
    with pytest.raises(BenchError, match=rf"shelf/card\.yaml: {said}"):
        root_of("shelf")


def test_the_card_says_whether_music_is_composed_or_recorded(tmp_path, monkeypatch):
    assert music_of("synthetic") == music_of("varied") == "composed"
    cards = [path.parent.name for path in home("data_manifests").glob("*/card.yaml")]
    assert (
        {music_of(name) for name in cards if name not in ("synthetic", "varied")}
        == {music_of("folder")}
        == {"recorded"}
    )
    assert all("source" in dataset_card(name) for name in cards)
    monkeypatch.setattr("bench.recordings.library.home", lambda name: tmp_path)
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "card.yaml").write_text("source: record\n")
    with pytest.raises(BenchError, match=r"shelf/card\.yaml: source: 'record'; want composed or recorded"):
        music_of("shelf")
