"""Folders of $BENCH_DATA in which a data set is found: its own name, and those of archives and clones."""

import json

import pytest

from bench import plugins
from bench.datasets.musdb18hq import listed_songs
from bench.errors import BenchError, MissingComponent
from bench.recordings.library import root_of
from bench.upkeep.doctor import examine

SONG = "00000000-0000-5000-8000-000000000000"
SUNG = next(song for song, row in listed_songs().items() if row["split"] == "test")
UNPACKED = {
    "slakh2100": [
        *(f"{root}/test/Track01876/mix.flac" for root in ("slakh2100_flac_redux", "slakh/slakh2100_flac_redux")),
        "slakh2100/slakh2100_flac_redux/test/Track01876/mix.flac",
    ],
    "musdb18hq": [f"{root}/test/{SUNG}/mixture.wav" for root in ("musdb18hq", "MUSDB18-HQ", "MUSDB18HQ", "musdb18-hq")],
    "moisesdb": [f"{root}/{SONG}/data.json" for root in ("moisesdb/moisesdb_v0.1", "moisesdb_v0.1", "MoisesDB")],
    "rwc-pop": [
        *("RWC-P/RWC_P001.wav", "RWC-P/RWC-P/RWC_P001.wav", "RWC-MDB-P-2001/RWC-P/RWC_P001.wav"),
        *("rwc_popular/audio/rwc-p-m01/1.wav", "RWC-Popular/audio/rwc-p-m01/1.wav"),
    ],
    "pop909": [f"{root}/001/001.mid" for root in ("POP909-Dataset/POP909", "POP909-Dataset-master/POP909", "POP909")],
}
CASES = [(name, file) for name, files in UNPACKED.items() for file in files]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    return tmp_path


def put(path):
    path.parent.mkdir(parents=True)
    sounds = [{"stemName": "drums", "tracks": [{"id": "a", "extension": "wav"}]}]
    path.write_text(json.dumps({"artist": "", "stems": sounds}) if path.suffix == ".json" else "")


@pytest.mark.parametrize(("name", "file"), CASES, ids=[file for _, file in CASES])
def test_an_unpacked_data_set_is_found_under_its_archives_name(data, name, file):
    put(data / file)
    found = plugins.load("datasets", name)
    tracks = [track for split in found.splits for track in found.tracks(split)]
    assert len(tracks) == 1
    assert [path for path in found.files(tracks[0]) if path.is_file()] == [data / file]


def test_the_doctor_names_the_folder_of_the_data_set(data):
    put(data / "POP909-Dataset" / "POP909" / "001" / "001.mid")
    found = {one.subject: one for one in examine() if one.kind == "data set"}
    assert found["pop909"].is_ready and f"in {data / 'POP909-Dataset' / 'POP909'};" in found["pop909"].detail
    assert not found["slakh2100"].is_ready and str(data / "slakh2100_flac_redux") in found["slakh2100"].detail


@pytest.mark.parametrize("name", UNPACKED)
def test_a_missing_data_set_names_every_folder_searched(data, name):
    with pytest.raises(MissingComponent, match=f"{name} is not here") as error:
        root_of(name)
    for file in UNPACKED[name]:
        assert str(data / file.split("/")[0]) in str(error.value)


def test_two_copies_are_refused_and_a_link_is_not_a_copy(data):
    put(data / "POP909-Dataset" / "POP909" / "001" / "001.mid")
    (data / "pop909").symlink_to(data / "POP909-Dataset")
    assert root_of("pop909") == data / "pop909"
    (data / "POP909").mkdir()
    with pytest.raises(BenchError, match=rf"lies in {data}/pop909 and in {data}/POP909; keep one of them"):
        root_of("pop909")
