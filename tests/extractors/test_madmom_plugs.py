"""madmom's recognisers in their worker process: known music, crashes, and the message if madmom is missing."""

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import mir_eval
import numpy as np
import pytest

from bench import plugins
from bench.errors import BenchError, MissingComponent
from bench.runtime import worker
from tests.extractors.known_sounds import chords, groove

NAMES = ["madmom-chords-deep", "madmom-chords-cnn", "madmom-notes", "madmom-beats"]
REQUIRED = os.environ.get("STEERBENCH_REQUIRE_MADMOM") == "1"
needs_madmom = [
    pytest.mark.madmom,
    pytest.mark.skipif(find_spec("madmom") is None and not REQUIRED, reason="no madmom; bench setup madmom"),
]
for_madmom: Any = lambda function: needs_madmom[0](needs_madmom[1](function))  # noqa: E731


@for_madmom
@pytest.mark.parametrize("name", NAMES[:2])
def test_chords_of_a_progression(name: str) -> None:
    audio = chords(32000, [[48, 60, 64, 67], [45, 60, 64, 69], [41, 60, 65, 69], [43, 59, 62, 67]], 2.0)
    found = plugins.load("extractors", name).extract(audio)
    reference = np.array([[0, 2], [2, 4], [4, 6], [6, 8.0]]), ["C:maj", "A:min", "F:maj", "G:maj"]
    assert mir_eval.chord.evaluate(*reference, found.intervals_s, list(found.labels))["majmin"] > 0.85


@for_madmom
def test_beats_of_a_groove() -> None:
    audio, beats = groove(32000, 100, 6, start_s=0.1)
    found = plugins.load("extractors", "madmom-beats").extract(audio)
    assert mir_eval.beat.f_measure(beats, found.times_s) > 0.9
    assert mir_eval.beat.f_measure(beats[::4], found.downbeats_s) > 0.7


@for_madmom
def test_notes_last_until_the_next_onset_of_their_pitch() -> None:
    found = plugins.load("extractors", "madmom-notes").extract(chords(32000, [[48, 60, 64, 67]] * 3, 2.0))
    lengths = np.diff(found.intervals_s, axis=1)
    assert ((lengths > 0) & (lengths <= 0.5 + 1e-9)).all()


@for_madmom
def test_numpy_in_this_process_is_not_patched() -> None:
    plugins.load("extractors", "madmom-chords-deep").extract(chords(32000, [[60, 64, 67]], 1.0))
    assert "madmom" not in sys.modules
    assert not hasattr(np, "in1d") or np.in1d is not np.isin
    assert "float" not in vars(np)


@for_madmom
def test_all_plugs_share_one_process_that_is_restarted_after_a_crash() -> None:
    audio = chords(32000, [[60, 64, 67]], 2.0)
    deep, beats = (plugins.load("extractors", name) for name in ("madmom-chords-deep", "madmom-beats"))
    before = deep.extract(audio)
    assert deep._worker is beats._worker
    first = deep._worker.pid
    beats.extract(audio)
    assert deep._worker.pid == first
    os.kill(first, 9)
    deep._worker._process.wait()
    after = deep.extract(audio)
    assert deep._worker.pid not in (None, first)
    assert after.labels == before.labels
    np.testing.assert_array_equal(after.intervals_s, before.intervals_s)


@for_madmom
def test_an_unknown_task_is_an_error_and_the_process_keeps_running() -> None:
    shared = plugins.load("extractors", "madmom-beats")._worker
    with pytest.raises(BenchError, match="no such task: tea"):
        shared.ask("tea", np.zeros(44100, np.float32))
    assert shared.pid is not None


@for_madmom
def test_the_worker_ends_with_this_process() -> None:
    code = (
        "import numpy as np\n"
        "from bench import plugins\n"
        "from bench.audio import Audio\n"
        "plug = plugins.load('extractors', 'madmom-chords-deep')\n"
        "plug.extract(Audio(np.random.default_rng(0).standard_normal(44100).astype('f4'), 44100))\n"
        "print(plug._worker.pid)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(int(done.stdout), 0)


@pytest.mark.parametrize("name", NAMES)
def test_without_madmom_the_message_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(MissingComponent, match=rf"^{name} needs madmom; get it with `bench setup madmom`.*non-commer"):
        plugins.load("extractors", name)


@pytest.mark.parametrize("name", NAMES)
def test_the_extractor_named_as_a_substitute_is_of_the_same_kind(name: str) -> None:
    message = sys.modules[plugins.builder("extractors", name).__module__]._MISSING
    instead = message.split("; ")[-1].split(" ")[0]
    assert (
        plugins.load("extractors", instead).kind == plugins.builder("extractors", name).__annotations__["return"].kind
    )
