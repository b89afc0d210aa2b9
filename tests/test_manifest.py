"""Manifests: they are read back as written, and no id leads out of a folder."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.manifest import Excerpt, Manifest, limit_of, read_manifest
from bench.paths import home

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)
excerpts = st.builds(
    Excerpt, id=st.from_regex(r"\A[a-z0-9][a-z0-9.-]{0,20}\Z"), dataset=texts, track=texts,
    start_s=st.floats(0, 1e6), duration_s=st.floats(0.01, 1e4), prompt=texts,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(excerpts, max_size=4, unique_by=lambda e: e.id))
def test_any_manifest_comes_back_with_its_hash(rows: list[Excerpt]) -> None:
    """Tracks and prompts may hold quotes, commas, line breaks of any alphabet."""
    made = Manifest("m", tuple(rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.csv"
        path.write_bytes(made.text.encode())
        assert read_manifest(path) == made
        assert read_manifest(path).sha256 == made.sha256


def row(name: str = "a", start: str = "0", duration: str = "15") -> str:
    return f"id,dataset,track,start_s,duration_s,prompt\n{name},d,t,{start},{duration},\n"


@pytest.mark.parametrize("name", ["../a", "/etc/a", "..", ".", "", "a/b", "a\\b", "A", "a b", "-a", "é", "a" * 129])
def test_an_id_that_cannot_be_a_file_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.csv").write_text(row(name))
    with pytest.raises(BenchError, match=r"m\.csv:2: the id .* is not 1 to 128 of a-z 0-9 \. -"):
        read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize(("start", "duration"), [("-1", "15"), ("nan", "15"), ("inf", "15"), ("0", "0"), ("0", "inf")])
def test_impossible_times_are_refused(tmp_path: Path, start: str, duration: str) -> None:
    (tmp_path / "m.csv").write_text(row(start=start, duration=duration))
    with pytest.raises(BenchError, match=r"m\.csv:2: no stretch starts at"):
        read_manifest(tmp_path / "m.csv")


def test_a_carriage_return_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(row().encode().replace(b",15,", b',15,"one\rtwo"'))
    with pytest.raises(BenchError, match=r"m\.csv:2: a carriage return is not allowed"):
        read_manifest(tmp_path / "m.csv")


def test_a_missing_a_binary_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.csv: cannot be read as a manifest"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\x00")
    with pytest.raises(BenchError, match=r"b\.csv: cannot be read as a manifest"):
        read_manifest(tmp_path / "b.csv")
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(BenchError, match=r"e\.csv:1: want the columns .*, found none"):
        read_manifest(tmp_path / "e.csv")


def test_the_hash_is_that_of_the_committed_file() -> None:
    """A manifest's sha256 can be checked with `sha256sum`, without bench."""
    import hashlib

    paths = sorted((home("data_manifests") / "synthetic").glob("synthetic-*.csv"))
    assert len(paths) == 2
    for path in paths:
        assert read_manifest(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_field_changes_the_hash() -> None:
    one = Excerpt("a", "d", "t", 0.0, 15.0, "p")
    changed = [
        Excerpt(*values)
        for values in [
            ("b", "d", "t", 0.0, 15.0, "p"), ("a", "e", "t", 0.0, 15.0, "p"), ("a", "d", "u", 0.0, 15.0, "p"),
            ("a", "d", "t", 1.0, 15.0, "p"), ("a", "d", "t", 0.0, 16.0, "p"), ("a", "d", "t", 0.0, 15.0, "q"),
        ]
    ]  # fmt: skip
    hashes = {Manifest("m", (excerpt,)).sha256 for excerpt in [one, *changed]}
    assert len(hashes) == 7
    assert Manifest("other name", (one,)).sha256 in hashes


def test_a_limited_manifest_names_its_limit() -> None:
    assert limit_of("synthetic-quick-first4") == ("synthetic-quick", 4)
    assert limit_of("synthetic-quick") == ("synthetic-quick", None)
