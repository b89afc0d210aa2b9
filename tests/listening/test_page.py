"""Tests of bench.listening.page and bench.listening.make: content of the page, and what it must not reveal."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from bench.audio import Audio, write_audio
from bench.errors import BenchError, UnknownName
from bench.listening.key import ANCHOR, REFERENCE, read_key
from bench.listening.page import loops
from bench.music.loudness import loudness
from tests.listening.conftest import SYSTEMS, made_from
from tests.site.small import HOSTILE, MANIFEST, SCRIPT, TASK, example
from tests.site.small import SYSTEMS as EVERYBODY
from tests.site.test_pages import Reader, source


def text_of(made):
    return made.page.read_text(encoding="utf-8")


def block(made, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text_of(made))[1])


@pytest.fixture(params=["mushra", "ab"])
def made(request):
    return request.getfixturevalue(request.param)


def test_the_page_is_alone_in_its_folder_without_the_key(made):
    assert [path.name for path in made.page.parent.iterdir()] == ["index.html"]
    assert made.key.parent == made.page.parent.parent
    assert text_of(made).count(made.test) == 1


def test_nothing_in_the_page_names_a_system_or_an_example(made):
    # Sounds are left out, because base64 may contain any word.
    said = re.sub(r"[A-Za-z0-9+/=]{200,}", "", text_of(made))
    for name in [*EVERYBODY, "song-0", MANIFEST, TASK, "low-pass", REFERENCE, ANCHOR, SCRIPT, HOSTILE[:8]]:
        if name != "strong":  # an element of HTML
            assert name not in said


def test_the_page_has_every_sound_under_its_code(made):
    key, test = read_key(made.key), block(made, "test")
    assert {t["code"]: t["stimuli"] for t in test["trials"]} == {t.code: list(t.stimuli) for t in key.trials}
    for trial in test["trials"]:
        assert trial["stimuli"] == sorted(trial["stimuli"])
        assert set(trial["stimuli"]) <= set(block(made, f"example-{trial['example']}")["sounds"])


def test_the_policy_allows_our_scripts_and_requests_to_the_same_origin_only(made):
    page = Reader(text_of(made))
    policy = page.policy()
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["style-src"].split() == [source(style) for style in page.inline["style"]]
    assert policy["script-src"].split() == [source(code) for code in page.inline["script"]]
    assert not re.search(r'(?:src|href)="(?!data:|#)[^"]', text_of(made))


def test_equal_seeds_give_equal_bytes(run, tmp_path, mushra):
    again = made_from(run, tmp_path / "again")
    assert again.page.read_bytes() == mushra.page.read_bytes()
    assert again.key.read_bytes() == mushra.key.read_bytes()
    assert made_from(run, tmp_path / "other", seed=6).test != mushra.test
    drawn = [made_from(run, tmp_path / name, seed=None).test for name in "ab"]
    assert drawn[0] != drawn[1]


def test_sounds_have_equal_loudness_and_length(mushra):
    heard = block(mushra, "example-0")
    sounds = [sound for _, sound in heard["open"]] + list(heard["sounds"].values())
    found = []
    for sound in sounds:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
        assert len(samples) / rate == heard["duration"]
        found.append(loudness(Audio(samples.astype(np.float32), rate)))
    assert max(found) - min(found) < 0.7


def test_the_loop_has_two_seconds_of_context():
    assert loops(example("song-00")) == [[0.0, 4.0]]
    from dataclasses import replace

    from bench.mask import Mask

    one = example("song-00")
    short = replace(one, request=replace(one.request, mask=Mask(((125, 150),), 200)))
    assert loops(short) == [[0.5, 4.0], [0.0, 4.0]]


def test_the_key_of_another_test_is_not_overwritten(run, tmp_path):
    key = made_from(run, tmp_path / "test").key
    before = key.read_bytes()
    made_from(run, tmp_path / "test")
    with pytest.raises(BenchError, match=r"holds another test, whose ratings cannot be read without its key\.json"):
        made_from(run, tmp_path / "test", seed=6)
    assert key.read_bytes() == before


def test_invalid_arguments_and_outputs_are_named(run, tmp_path):
    for options, error, reason in [
        ({"form": "abx"}, UnknownName, "no form is called 'abx'"),
        ({"axes": ["taste"]}, UnknownName, "no axis is called 'taste'"),
        ({"systems": ["weka"]}, UnknownName, "did you mean weak"),
        ({"systems": ["weak"], "form": "ab"}, BenchError, "ab needs 2"),
        ({"n_examples": 0}, BenchError, "--examples 0"),
        ({"seed": -1}, BenchError, "--seed -1"),
    ]:
        with pytest.raises(error, match=re.escape(reason)):
            made_from(run, tmp_path / "test", **options)
    path = run / "submissions" / TASK / MANIFEST / "weak" / "song-00.wav"
    write_audio(path, Audio(np.zeros(100, np.float32), 32000))
    with pytest.raises(BenchError, match=r"song-00\.wav: 100 samples"):
        made_from(run, tmp_path / "test")
    shutil.rmtree(run / "submissions")
    with pytest.raises(BenchError, match="holds no submission; make one with `bench generate`"):
        made_from(run, tmp_path / "test", systems=None)


def test_examples_without_all_outputs_are_skipped(run, tmp_path):
    (run / "submissions" / TASK / MANIFEST / "weak" / "song-01.wav").unlink()
    assert sorted(made_from(run, tmp_path / "test").examples) == ["song-00", "song-02"]


def test_systems_are_the_first_of_the_table_without_floors(run, tmp_path):
    assert made_from(run, tmp_path / "test", systems=None).systems == ["strong", HOSTILE, "weak"]
    assert set(SYSTEMS) < set(EVERYBODY)
