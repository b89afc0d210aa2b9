"""The real-music benchmark: its lists of files, its mixtures, its measures and its tables, on small known sounds."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio, write_audio
from bench.board.extractors import Mean, read_means
from bench.errors import BenchError, MissingComponent
from bench.music.loudness import lufs
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes
from bench.upkeep.material import Item
from benchmarks import ears, ears_sources
from benchmarks.ears_items import CONDITIONS, load_items, save_item
from benchmarks.ears_material import DURATION_S, PEAK, SAMPLE_RATE, looped, mixed, mixtures, needed, suite_songs
from benchmarks.ears_pop909 import _PATTERNS, pattern
from benchmarks.ears_sources import Source, Sources
from benchmarks.ears_tables import MARKERS, in_page, means, tables
from tests.extractors.known_sounds import chords, groove

NOISE = np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE) * 0.05


def item(condition: str = "a", with_drums: bool = True) -> Item:
    """Return chords of four seconds with a groove without chords on top."""
    rest = chords(SAMPLE_RATE, [[48, 60, 64, 67], [53, 60, 65, 69]], 2.0).mono
    hits = groove(SAMPLE_RATE, 120, 2)[0].mono[: len(rest)] if with_drums else np.zeros_like(rest)
    labels = Chords(np.array([[0.0, 2.0], [2.0, 4.0]]), ("C:maj", "F:maj"))
    notes = Notes(np.array([[0.0, 1.0]]), np.array([60]), np.array([80]))
    return Item(condition, "one", Audio(rest + hits, SAMPLE_RATE), Audio(hits, SAMPLE_RATE), notes, labels)


class Finds:
    """An extractor that returns what it was given to return."""

    identity = "finds/1"

    def __init__(self, kind: str, result: object) -> None:
        self.kind, self.result = kind, result

    def extract(self, audio: Audio) -> object:
        return self.result


def test_every_mixture_names_files_of_the_list_and_covers_the_levels() -> None:
    rows, files = mixtures(), Sources(Path("none")).by_name
    with_drums = [row for row in rows if row.drums]
    assert len(with_drums) >= 60 and len({row.name for row in rows}) == len(rows)
    assert {(row.rest, row.start_s) for row in rows if not row.drums} == {(row.rest, row.start_s) for row in with_drums}
    levels = sorted(row.level_lu for row in with_drums)
    assert (levels[0], levels[-1]) == (-9.0, 6.0) and np.diff(levels).max() < 0.5
    assert set().union(*(needed(letter) for letter in "abc")) == set(files)
    for source in files.values():
        assert re.fullmatch("[0-9a-f]{64}", source.sha256) and source.licence and source.version
        assert source.origin in ("debian", "pypi", "librosa") and not source.path.startswith("/")


@pytest.mark.parametrize("level_lu", [-9.0, 0.0, 6.0])
def test_drums_stand_at_their_loudness_below_or_above_the_rest(level_lu: float) -> None:
    rest = chords(SAMPLE_RATE, [[48, 60, 64, 67], [53, 60, 65, 69]], 2.0).mono.astype(np.float64)
    made = mixed("a", "one", NOISE, rest, level_lu)
    assert made.drums is not None
    left = made.mix.mono.astype(np.float64) - made.drums.mono
    assert lufs(made.drums.mono, SAMPLE_RATE) - lufs(left, SAMPLE_RATE) == pytest.approx(level_lu, abs=0.01)
    assert np.corrcoef(left, rest)[0, 1] > 1 - 1e-9 and np.abs(made.mix.mono).max() <= PEAK + 1e-6


def test_loud_mixtures_are_scaled_with_their_truth_and_silent_drums_stay_silent() -> None:
    loud = mixed("a", "one", 30 * NOISE, 20 * NOISE[::-1], 0.0)
    assert loud.drums is not None and np.abs(loud.mix.mono).max() == pytest.approx(PEAK, abs=1e-6)
    assert np.corrcoef(loud.drums.mono, NOISE)[0, 1] > 1 - 1e-9
    alone = mixed("a", "one", np.zeros_like(NOISE), NOISE, 0.0)
    assert not alone.has_drums and np.allclose(alone.mix.mono, NOISE, atol=1e-6)


def test_a_loop_is_repeated_with_its_tempo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_audio(tmp_path / "loop.wav", Audio(NOISE[:10000], SAMPLE_RATE))
    monkeypatch.setattr(Sources, "path", lambda self, name: tmp_path / f"{name}.wav")
    made = looped(Sources(tmp_path), "loop", 25000)
    np.testing.assert_allclose(made, np.concatenate([NOISE[:10000]] * 3)[:25000], atol=1e-6)


def test_a_missing_file_names_its_package_and_another_version_is_refused(tmp_path: Path) -> None:
    sources = Sources(tmp_path)
    source = sources.by_name["sad"]
    with pytest.raises(
        MissingComponent, match=rf"missing; `apt-get download {source.package}=.*unpacked into .*--fetch"
    ):
        sources.path("sad")
    path = tmp_path / source.package / source.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"another")
    with pytest.raises(BenchError, match=rf"sha256 \w+\.\.\., want {source.sha256[:12]}\.\.\. of {source.package}"):
        sources.path("sad")


def test_fetching_runs_the_package_manager_once_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(ears_sources, "_run", lambda command, folder: commands.append(command))
    Sources(tmp_path).fetch({"sad"})
    assert commands == [["apt-get", "download", "wesnoth-1.16-music=1:1.16.9-1"]]
    with pytest.raises(BenchError, match=r"`false` failed: no reason given"):
        monkeypatch.undo()
        ears_sources._run(["false"], tmp_path)


@pytest.mark.parametrize(
    ("origin", "command"),
    [("debian", "apt-get download p=1"), ("pypi", "pip download --no-deps p==1"), ("librosa", "python -c ")],
)
def test_every_origin_says_how_to_get_it(origin: str, command: str) -> None:
    assert Source("n", origin, "p", "1", "f", "0" * 64, "MIT").command.startswith(command)


def test_items_are_read_as_they_were_written(tmp_path: Path) -> None:
    for condition in ("c-mix", "c-piano"):
        save_item(tmp_path, item(condition))
    both = load_items(tmp_path, "c")
    assert [one.condition for one in both] == ["c-mix", "c-piano"] and set(CONDITIONS) > {"c-mix", "c-piano"}
    read, made = load_items(tmp_path, "c-piano")[0], item()
    assert read.drums is not None and read.notes is not None and read.chords is not None
    np.testing.assert_array_equal(read.mix.mono, made.mix.mono.astype(np.float32))
    assert read.chords.labels == ("C:maj", "F:maj") and read.notes.pitches.tolist() == [60]
    with pytest.raises(BenchError, match="holds no items of material 'b'"):
        load_items(tmp_path, "b")


def test_measures_of_perfect_halved_and_empty_results() -> None:
    one = item()
    assert one.drums is not None and one.chords is not None
    perfect = ears.measured(one, Finds("drums", one.drums))
    assert perfect["sdr"] > 100 and perfect["onset F"] == 1 and perfect["nothing found"] == 0
    halved = ears.measured(one, Finds("drums", Audio(0.5 * one.drums.mono, SAMPLE_RATE)))
    assert halved["sdr"] == pytest.approx(20 * math.log10(2), abs=1e-4)
    silent = ears.measured(one, Finds("drums", Audio(np.zeros_like(one.drums.mono), SAMPLE_RATE)))
    assert (silent["sdr"], silent["onset F"], silent["nothing found"]) == (pytest.approx(0), 0, 1)
    half = ears.measured(one, Finds("chords", Chords(np.array([[0.0, 4.0]]), ("C:maj7",))))
    assert (half["majmin"], half["root"], half["sevenths"]) == (0.5, 0.5, 0.0)
    assert ears.measured(one, Finds("notes", one.notes))["note F"] == 1.0 and perfect["seconds"] >= 0


def test_drums_found_where_there_are_none_are_counted_apart() -> None:
    alone = item(with_drums=False)
    found = ears.measured(alone, ears.Mix())
    assert found.pop("seconds") >= 0 and found == {"found without drums": 1.0}
    assert ears.measured(Item("c-piano", "one", alone.mix), ears.Mix()) == {}


def test_known_values_are_not_measured_again(tmp_path: Path) -> None:
    one = item()
    first = list(ears.run([one], [("finds", Finds("notes", one.notes))], []))
    ears.write_values(tmp_path / "values.csv", first)
    known = ears.read_values(tmp_path / "values.csv")
    assert known == first and (tmp_path / "values.json").is_file() and ears.read_values(tmp_path / "none.csv") == []
    again = list(ears.run([one], [("finds", Finds("notes", Notes(np.zeros((0, 2)), [], [])))], known))
    assert again == first


def test_known_values_of_drums_hold_for_one_extractor_of_onsets(tmp_path: Path) -> None:
    one = item()
    first = list(ears.run([one], [("finds", Finds("drums", one.drums))], []))
    assert {value.onsets for value in first} == {ears.detector().identity}
    silent = [("finds", Finds("drums", Audio(np.zeros(one.mix.n_samples), SAMPLE_RATE)))]
    older = [replace(value, onsets="") for value in first]  # files without the column are taken as they are
    assert list(ears.run([one], silent, older)) == first
    other = list(ears.run([one], silent, [replace(value, onsets="other/1") for value in first]))
    assert {value.measure: value.value for value in other}["nothing found"] == 1


def test_means_leave_out_undefined_values_and_name_both_extractors_of_onsets() -> None:
    def value(measure: str, number: float, name: str = "1") -> ears.Value:
        return ears.Value("drums", "finds", "finds/1", "a", name, measure, number, "flux/1")

    values = [value("onset F", 0.5), value("onset F", 1.0, "2"), value("onset F", math.nan, "3")]
    assert means([*values, value("sdr", 3.0), value("seconds", 0.1)]) == [
        Mean("flux/1 + finds/1", "onsets", "a", "onset F", 0.75, 2),
        Mean("finds/1", "drums", "a", "sdr", 3.0, 1),
    ]


def test_page_and_means_are_written_from_known_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, page, file = tmp_path / "out", tmp_path / "page.md", tmp_path / "means.csv"
    save_item(out / "items", item())
    (out / "items" / "a.done").touch()
    known = [ears.Value("drums", ears.MIX, ears.MIX, "a", "one", "sdr", -1.0)]
    real = plugins.load("extractors", "hpss")
    known += [ears.Value("drums", "hpss", real.identity, "a", "one", "sdr", 4.25)]
    ears.write_values(out / "values.csv", known)
    page.write_text(f"{MARKERS[0]}\n{MARKERS[1]}\n")
    words = ["--out", out, "--material", "a", "--extractor", "hpss", "--extractor", ears.MIX, "--page", page]
    monkeypatch.setattr("sys.argv", ["ears.py", *map(str, words), "--means", str(file)])
    ears.main()
    assert "| `hpss` | 4.2 | – |" in page.read_text() and f"| {ears.MIX} | -1.0 | – |" in page.read_text()
    assert read_means(file) == [Mean(real.identity, "drums", "a", "sdr", 4.25, 1)]


def test_a_table_has_a_row_an_extractor_and_means_over_items() -> None:
    def value(extractor: str, name: str, measure: str, number: float) -> ears.Value:
        return ears.Value("drums", extractor, f"{extractor}/1", "a", name, measure, number)

    values = [value("hpss", "1", "sdr", 4.0), value("hpss", "2", "sdr", 5.0), value("hpss", "3", "sdr", math.nan)]
    values += [value("hpss", "3", "found without drums", 1.0), value("hpss", "1", "seconds", 0.1)]
    values += [value("the mix itself", "1", "sdr", -2.0)]
    assert tables(values).splitlines() == [
        "| drums by | a: SDR, dB | a: found without drums | s per 15 s |",
        "|---|---:|---:|---:|",
        "| `hpss` | 4.5 | 1.00 | 0.10 |",
        "| the mix itself | -2.0 | – | – |",
    ]
    page = f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n"
    assert in_page(in_page(page, "x"), "new") == f"before\n{MARKERS[0]}\n\nnew\n\n{MARKERS[1]}\nafter\n"
    with pytest.raises(BenchError, match="the page has no"):
        in_page("nothing", "new")


@pytest.mark.parametrize("number", range(len(_PATTERNS)))
def test_a_drum_pattern_follows_the_beats(number: int) -> None:
    beats = Beats(np.array([0.5, 1.0, 1.6, 2.2, 2.8]), np.array([1, 2, 3, 4, 1]))
    notes = pattern(beats, number)
    assert (notes.programs == DRUM_PROGRAM).all() and (np.diff(notes.intervals_s[:, 0]) >= 0).all()
    times = lambda *keys: notes.intervals_s[np.isin(notes.pitches, keys), 0]  # noqa: E731
    np.testing.assert_allclose(times(42, 46), [0.5, 0.75, 1.0, 1.3, 1.6, 1.9, 2.2, 2.5])
    wanted = [np.interp(beat, range(5), beats.times_s) for beat, key, _ in _PATTERNS[number] if key == 36]
    np.testing.assert_allclose(times(36), sorted(wanted))


def test_songs_of_the_suite_come_with_their_stem_and_pitched_notes() -> None:
    mix, piano = suite_songs(limit=1)
    assert (mix.condition, piano.condition) == ("d-mix", "d-piano") and mix.name == piano.name
    assert mix.drums is not None and mix.notes is not None and piano.notes is not None and piano.drums is None
    assert mix.mix.duration_s == piano.mix.duration_s == DURATION_S and mix.has_drums
    assert (mix.notes.programs != DRUM_PROGRAM).all() and 0 < len(piano.notes) < len(mix.notes)


def test_an_unknown_material_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ears.py", "--out", str(tmp_path), "--material", "a,x"])
    with pytest.raises(SystemExit, match="error: --material a,x: there is no material 'x'; choose from a,b,c,d"):
        ears.main()


def test_the_page_has_the_place_of_the_tables() -> None:
    text = (Path(ears.__file__).parents[1] / "docs" / "extractors.md").read_text(encoding="utf-8")
    assert in_page(text, "") and "benchmarks/ears.py --out" in text
