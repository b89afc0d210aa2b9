"""What a table says of the extractors behind its columns."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from bench.board import extractors, report
from bench.board.extractors import Mean, read_means, sentences, write_means
from bench.board.page import markdown
from bench.board.tables import Table, tables
from bench.errors import BenchError
from bench.protocols import Column
from bench.scores import Row, write_rows
from tests.board.rows import TASK, csv, measured

HEARING = {"drum-onset-f1": ("onsets", "drums"), "sdr": ("drums",), "fill-gap": ("drums",), "beat-f1": ("beats",)}
HEARING |= {"chord-accuracy": ("chords",), "note-f1": ("notes",), "chroma-cosine": ("chroma",), "loudness-gap": ()}
COLUMNS = [Column(name, "", "higher", "hole", 0.0, hears) for name, hears in HEARING.items()]
HEARD = {"onsets": "flux v1 (rise 2 dB)", "drums": "sep v2", "beats": "beats v1", "chords": "triads v1 on chroma v1"}
HEARD |= {"notes": "piano v3", "chroma": "chroma v1"}
MEANS = [
    Mean("sep v2", "drums", "a", "sdr", 4.84, 64),
    Mean("sep v2", "drums", "b", "sdr", 9.9, 13),
    Mean("flux v1 (rise 2 dB) + sep v2", "onsets", "a", "onset F", 0.934, 64),
    Mean("flux v1 (rise 2 dB) + other v1", "onsets", "a", "onset F", 0.1, 64),
    Mean("triads v1 on chroma v1", "chords", "c-mix", "majmin", 0.65, 16),
    Mean("piano v3", "notes", "c-mix", "note F", 0.7, 16),
]


def rows() -> list[Row]:
    """Return rows of a system whose columns have identities as scoring makes them."""
    return [
        one
        for name, hears in HEARING.items()
        for one in measured("some", name, 0.5, identity=" | ".join(_parts(name, hears)))
    ]


def _parts(name: str, hears: tuple[str, ...]) -> list[str]:
    return [f"{name}/1 x", *([" + ".join(HEARD[kind] for kind in hears), "against truth"] if hears else [])]


@pytest.fixture
def table() -> Table:
    return tables(rows(), COLUMNS, {})[0]


def test_every_extractor_has_a_sentence_with_its_columns_and_its_mean(table: Table) -> None:
    assert sentences(table, MEANS) == [
        "drum-onset-f1 hears with flux and sep: F 0.93 for the onsets of drum loops in recorded music "
        "(material a, docs/extractors.md).",
        "sdr and fill-gap hear with sep: SDR 4.8 dB for drum loops in recorded music (material a, docs/extractors.md).",
        "beat-f1 hears with beats: not measured on real music.",
        "chord-accuracy hears with triads: right (majmin) for 0.65 of the time of sampled pop songs "
        "(material c, docs/extractors.md).",
        "note-f1 hears with piano: F 0.70 for the notes of sampled pop songs (material c, docs/extractors.md).",
    ]


def test_an_extractor_of_another_identity_is_not_measured(table: Table) -> None:
    others = [replace(one, identity=one.identity.replace("sep v2", "sep v1")) for one in MEANS]
    first, second, *rest = sentences(table, others)
    assert first == "drum-onset-f1 hears with flux and sep: not measured on real music."
    assert second == "sdr and fill-gap hear with sep: not measured on real music."
    assert rest == sentences(table, MEANS)[2:] and sentences(table, []) == []


def test_means_are_read_as_they_were_written(tmp_path: Path) -> None:
    odd = Mean('a "quoted", b', "notes", "c-mix", "note F", 0.123449, 3)
    undefined = Mean("silent v1", "notes", "c-mix", "note F", float("nan"), 0)
    write_means(tmp_path / "means.csv", [*MEANS, undefined, odd])
    read = read_means(tmp_path / "means.csv")
    assert sorted(read, key=repr) == sorted([*MEANS, replace(odd, mean=0.1234)], key=repr)
    write_means(tmp_path / "again.csv", reversed(read))
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "means.csv").read_bytes()
    assert read_means(tmp_path / "none.csv") == []


@pytest.mark.parametrize("line", ["x,drums,a,sdr,high,3", "x,drums,a,sdr,1.0", "x,drums,a,sdr,1.0,3,more"])
def test_a_damaged_file_is_refused(line: str, tmp_path: Path) -> None:
    write_means(tmp_path / "means.csv", [])
    with (tmp_path / "means.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BenchError, match=r"means\.csv:2: want identity,kind,condition,measure,mean,n \("):
        read_means(tmp_path / "means.csv")


@pytest.mark.usefixtures("plugs")
def test_the_sentences_stand_under_the_tables_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "columns_of", lambda task: COLUMNS)
    monkeypatch.setattr(
        report, "load_task", lambda name: type("Any", (), {"primary": {"quality": "sdr"}, "name": TASK})
    )
    write_rows(csv(tmp_path, "some"), rows())
    write_means(tmp_path / extractors.FILE, MEANS)
    monkeypatch.setattr(extractors, "home", lambda name: tmp_path)
    (shown,) = report.tables_of(tmp_path)
    assert [*shown.notes][-5:] == sentences(shown, MEANS) and len(sentences(shown, MEANS)) == 5
    assert "\n- note-f1 hears with piano: F 0.70 for the notes of sampled pop songs (material c" in unescape(
        markdown([shown])
    )


def test_the_means_of_the_suite_name_the_measures_that_are_printed() -> None:
    known = {(one.kind, one.condition, one.measure) for one in read_means()}
    assert {(one.kind, one.condition, one.measure) for one in extractors.FIGURES.values() if one} <= known
