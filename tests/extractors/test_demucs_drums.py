"""Demucs on a tiny random model in its own two file formats: the same as demucs itself, the same twice, nothing runs."""

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from demucs.apply import apply_model
from demucs.htdemucs import HTDemucs
from safetensors.torch import save_file

from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.extractors.demucs_drums import build
from bench.weights import sha256_of

RATE = 8000
SOURCES = ["drums", "bass", "other", "vocals"]


def tiny(sources: list[str] = SOURCES) -> HTDemucs:
    torch.manual_seed(0)
    return HTDemucs(
        sources, channels=4, nfft=512, depth=2, t_layers=1, t_heads=2, bottom_channels=8, samplerate=RATE,
        segment=Fraction(3, 2), dconv_comp=2,
    )  # fmt: skip


def package(model: HTDemucs) -> dict:
    args, kwargs = model._init_args_kwargs
    state = {name: value.half().clone() for name, value in model.state_dict().items()}
    return {"klass": HTDemucs, "args": args, "kwargs": kwargs, "state": state, "training_args": {"epochs": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repo") / "tiny.th"
    torch.save(package(tiny()), path)
    return path.rename(path.with_name(f"0badcafe-{sha256_of(path)[:8]}.th")).parent


@pytest.fixture(scope="module")
def as_safetensors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, made = tmp_path_factory.mktemp("hub"), package(tiny())
    fraction = {"_type": "fraction", "numerator": 3, "denominator": 2}
    kwargs = {**made["kwargs"], "segment": fraction}
    about = {"klass": "demucs.htdemucs.HTDemucs", "args": json.dumps(made["args"]), "kwargs": json.dumps(kwargs)}
    save_file({k: v.contiguous() for k, v in made["state"].items()}, folder / "0badcafe.safetensors", about)
    return folder


def sound(seconds: float = 4.0, rate: int = RATE) -> Audio:
    return Audio(0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate)), rate)


def test_it_is_what_demucs_itself_makes_of_the_normalised_mix(folder: Path) -> None:
    model, audio = tiny(), sound()
    model.load_state_dict(package(model)["state"])
    mono = torch.from_numpy(audio.mono)
    mean, std = mono.mean(), mono.std() + 1e-8
    with torch.no_grad():
        wanted = apply_model(model.eval(), ((mono - mean) / std).expand(1, 2, -1), shifts=0)[0, 0].mean(0) * std
    found = build(str(folder)).extract(audio)
    assert found.mono == pytest.approx(wanted.numpy(), abs=1e-6)
    assert np.abs(found.mono).max() > 1e-4


def test_both_formats_and_two_objects_say_the_same_bit_for_bit(folder: Path, as_safetensors: Path) -> None:
    audio = sound()
    first = build(str(folder)).extract(audio)
    assert np.array_equal(first.mono, build(str(folder)).extract(audio).mono)
    assert np.array_equal(first.mono, build(str(as_safetensors)).extract(audio).mono)
    np.random.seed(5)
    torch.manual_seed(5)
    assert np.array_equal(first.mono, build(str(folder)).extract(audio).mono)


@pytest.mark.parametrize(("seconds", "rate"), [(4.0, 32000), (0.1, 44100), (1.234, 16000)])
def test_any_rate_and_length_comes_back(folder: Path, seconds: float, rate: int) -> None:
    audio = sound(seconds, rate)
    found = build(str(folder)).extract(audio)
    assert (found.samples.shape, found.sample_rate) == ((1, audio.n_samples), rate)
    assert np.isfinite(found.mono).all()


def test_silence_stays_silence_and_needs_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.th").write_bytes(b"never read")
    assert not build(str(tmp_path)).extract(Audio(np.zeros(RATE), RATE)).mono.any()


def test_the_identity_names_the_file(folder: Path) -> None:
    (path,) = folder.iterdir()
    assert (
        f"sha256 {sha256_of(path)[:12]}" in build(str(folder)).identity and "no shifts" in build(str(folder)).identity
    )


def test_without_weights_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingComponent, match=r"bench setup htdemucs.*hpss runs without weights"):
        build()


def test_a_wrong_checksum_and_a_wrong_number_of_files_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds 0 models"):
        build(str(tmp_path))
    (path,) = folder.iterdir()
    shutil.copy(path, tmp_path / "0badcafe-00000000.th")
    with pytest.raises(BenchError, match=r"its sha256 begins with [0-9a-f]{8}, its name says 00000000"):
        build(str(tmp_path))
    shutil.copy(path, tmp_path / path.name)
    with pytest.raises(BenchError, match="holds 2 models"):
        build(str(tmp_path))


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def write(folder: Path, content: object) -> None:
    torch.save(content, folder / "evil.th")


@pytest.mark.parametrize("where", ["whole", "in the arguments", "as the class"])
def test_no_code_of_a_file_runs(tmp_path: Path, where: str) -> None:
    harm = tmp_path / "harm"
    evil = {**package(tiny()), "args": [Payload(str(harm))]}
    write(
        tmp_path,
        {"whole": Payload(str(harm)), "in the arguments": evil, "as the class": {**evil, "klass": os.system}}[where],
    )
    with pytest.raises(BenchError, match=r"evil\.th: is no Demucs model that can be read safely"):
        build(str(tmp_path)).extract(sound())
    assert not harm.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"noise", "can be read safely"),
        ({"state": {}}, "lacks class, arguments or weights"),
        ({**package(tiny()), "klass": Fraction}, "want one of demucs.htdemucs"),
        ({**package(tiny()), "kwargs": {"no_such": 1}}, "no model that demucs can build"),
        ({**package(tiny()), "state": {}}, "no model that demucs can build"),
        (package(tiny(["bass", "other"])), "want a model with a source 'drums'"),
    ],
)
def test_what_is_no_drum_separator_is_refused_with_its_reason(tmp_path: Path, content: object, reason: str) -> None:
    if isinstance(content, bytes):
        (tmp_path / "x.th").write_bytes(content)
    else:
        torch.save(content, tmp_path / "x.th")
    with pytest.raises(BenchError, match=reason):
        build(str(tmp_path)).extract(sound())


def test_a_foreign_class_in_the_other_format_is_not_imported(tmp_path: Path) -> None:
    about = {"klass": "os.system", "args": '["touch harm"]', "kwargs": "{}"}
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", about)
    with pytest.raises(BenchError, match=r"names 'os\.system'; want one of"):
        build(str(tmp_path)).extract(sound())
