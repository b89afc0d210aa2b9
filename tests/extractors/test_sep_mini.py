"""The shipped mini separator: better than hpss on unseen songs; gain, rates, damaged files."""

from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio, level_db
from bench.errors import BenchError, MissingComponent
from bench.runtime.tensors import read_tensors, write_tensors
from bench.runtime.weights import shipped
from tests.extractors.known_sounds import hit, mixed, tone


def sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2)))


def test_it_separates_unseen_songs_better_than_hpss() -> None:
    dataset = plugins.load("datasets", "synthetic")
    gains = []
    for excerpt in dataset.select("synthetic-validation-4").excerpts:
        mix, drums = (dataset.read(excerpt, what) for what in ("mix", "drums"))
        mine, medians = (
            sdr_db(drums.mono, plugins.load("extractors", name).extract(mix).mono) for name in ("sep-mini", "hpss")
        )
        gains.append(mine - medians)
    assert np.mean(gains) > 1


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_hits_are_kept_and_steady_tones_removed(rate: int) -> None:
    hits = mixed([(0.25 + 0.5 * k, hit(rate, k)) for k in range(8)], 4.0, rate).mono
    organ = mixed([(0.0, tone(p, 4.0, rate, decay_s=1e9)) for p in (48, 60, 64, 67)], 4.0, rate).mono
    found = plugins.load("extractors", "sep-mini").extract(Audio(hits + organ, rate)).mono
    assert sdr_db(hits, found) > sdr_db(hits, hits + organ) + 3


def test_the_output_is_proportional_to_the_input() -> None:
    audio = mixed([(0.3, hit(32000)), (0.0, tone(60, 2.0, 32000))], 2.0, 32000)
    separator = plugins.load("extractors", "sep-mini")
    quiet, loud = separator.extract(audio), separator.extract(Audio(4 * audio.samples, 32000))
    assert level_db(loud.mono) == pytest.approx(level_db(quiet.mono) + 20 * np.log10(4), abs=0.05)


def test_a_steady_chord_gives_silence() -> None:
    organ = mixed([(0.0, tone(p, 4.0, 32000, decay_s=1e9)) for p in (60, 64, 67)], 4.0, 32000)
    assert not plugins.load("extractors", "sep-mini").extract(organ).samples.any()


def test_another_weight_file_has_another_identity_and_a_foreign_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plugins.load("extractors", "sep-mini").identity
    tensors = read_tensors(shipped("sep-mini", "sep-mini"))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "mini").mkdir()
    write_tensors(tmp_path / "mini" / "sep-mini.safetensors", {**tensors, "mask.bias": tensors["mask.bias"] + 1})
    assert plugins.load("extractors", "sep-mini").identity != before
    write_tensors(tmp_path / "mini" / "sep-mini.safetensors", {"other": tensors["mask.bias"]})
    with pytest.raises(BenchError, match=r"sep-mini\.safetensors: holds no mini separator"):
        plugins.load("extractors", "sep-mini").extract(mixed([(0.3, hit(32000))], 1.0, 32000))


def test_a_missing_weight_file_is_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("bench.runtime.weights.installed", lambda name: tmp_path / name)
    with pytest.raises(MissingComponent, match="bench train sep-mini"):
        plugins.load("extractors", "sep-mini")
