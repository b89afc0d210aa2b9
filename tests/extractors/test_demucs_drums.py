"""Demucs on a tiny random model in both file formats: agreement with demucs, repeatability, no code run from files."""

import json
import os
import pickle
import random
import shutil
import subprocess
import sys
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from demucs.api import Separator
from demucs.apply import apply_model
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.hf import load_safetensors_model
from demucs.htdemucs import HTDemucs
from demucs.states import load_model
from safetensors.torch import save_file

from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.extractors.demucs_drums import WEIGHTS, build
from bench.runtime.weights import sha256_of

RATE = 8000
SOURCES = ["drums", "bass", "other", "vocals"]


def tiny(sources: list[str] = SOURCES, **changed: Any) -> HTDemucs:
    torch.manual_seed(0)
    small = {"channels": 4, "nfft": 512, "depth": 2, "t_layers": 1, "t_heads": 2, "bottom_channels": 8, "dconv_comp": 2}
    return HTDemucs(sources, **{**small, "samplerate": RATE, "segment": Fraction(3, 2), **changed})


def package(model: Any) -> dict[str, Any]:
    """Return what `demucs.states.serialize_model` does, which needs omegaconf for the settings of a training."""
    args, kwargs = model._init_args_kwargs
    state = {name: value.half().clone() for name, value in model.state_dict().items()}
    return {"klass": type(model), "args": args, "kwargs": kwargs, "state": state, "training_args": {"epochs": 1}}


def in_folder(folder: Path, content: object) -> str:
    torch.save(content, folder / "x.th")
    return str(folder)


def save_safetensors(path: Path, made: dict[str, Any], **changed: str) -> None:
    kwargs = {**made["kwargs"], "segment": {"_type": "fraction", "numerator": 3, "denominator": 2}}
    about = {"klass": "demucs.htdemucs.HTDemucs", "args": json.dumps(made["args"]), "kwargs": json.dumps(kwargs)}
    save_file({name: value.contiguous() for name, value in made["state"].items()}, path, {**about, **changed})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repo") / "tiny.th"
    torch.save(package(tiny()), path)
    return path.rename(path.with_name(f"0badcafe-{sha256_of(path)[:8]}.th")).parent


@pytest.fixture(scope="module")
def as_safetensors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hub") / "0badcafe.safetensors"
    save_safetensors(path, package(tiny()))
    return path.parent


def sound(seconds: float = 4.0, rate: int = RATE, offset: float = 0.05) -> Audio:
    return Audio(offset + 0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate)), rate)


def applied(model: Any, audio: Audio) -> np.ndarray:
    """Return the drums by `apply_model` alone."""
    mono = torch.from_numpy(audio.mono)
    mean, std = mono.mean(), mono.std() + 1e-8
    with torch.no_grad():
        found = apply_model(model.eval(), ((mono - mean) / std).expand(1, 2, -1), shifts=0)
    return (found[0, model.sources.index("drums")] * std + mean).mean(0).numpy()


@pytest.mark.parametrize("order", [SOURCES, ["vocals", "other", "drums"]])
def test_drums_equal_demucs_on_the_normalised_mix(tmp_path: Path, order: list[str]) -> None:
    made, audio = package(tiny(order)), sound()
    found = build(in_folder(tmp_path, made)).extract(audio).mono
    assert np.array_equal(found, applied(load_model(made), audio))
    assert found.std() > 1e-4


def test_drums_equal_those_of_demucs_own_loaders_for_both_formats(folder: Path, as_safetensors: Path) -> None:
    audio = sound()
    separator = Separator("0badcafe", repo=folder, device="cpu", shifts=0, overlap=0.25)
    _, stems = separator.separate_tensor(torch.tensor(audio.mono).expand(2, -1))
    assert np.array_equal(build(str(folder)).extract(audio).mono, stems["drums"].mean(0).numpy())
    model = load_safetensors_model(as_safetensors / "0badcafe.safetensors")
    assert np.array_equal(build(str(as_safetensors)).extract(audio).mono, applied(model, audio))


def test_a_demucs_repository_with_one_model_can_be_used(folder: Path, tmp_path: Path) -> None:
    """As `htdemucs.yaml` beside `955717e8-8726e21a.th`; demucs goes through the bag, we take the one file."""
    shutil.copytree(folder, tmp_path / "repo")
    (tmp_path / "repo" / "htdemucs.yaml").write_text("models: ['0badcafe']\n")
    separator, audio = Separator("htdemucs", repo=tmp_path / "repo", device="cpu", shifts=0, overlap=0.25), sound()
    _, stems = separator.separate_tensor(torch.tensor(audio.mono).expand(2, -1))
    found = build(str(tmp_path / "repo")).extract(audio).mono
    assert np.abs(found - stems["drums"].mean(0).numpy()).max() < 1e-6


@pytest.mark.parametrize("of", [HDemucs, Demucs])
def test_older_demucs_classes_can_be_read(tmp_path: Path, of: type) -> None:
    torch.manual_seed(0)
    shape = {"nfft": 1024, "depth": 5} if of is HDemucs else {"depth": 2}
    model = of(SOURCES, channels=4, samplerate=RATE, segment=2, **shape)
    extractor, audio = build(in_folder(tmp_path, package(model))), sound()
    assert np.array_equal(extractor.extract(audio).mono, applied(load_model(package(model)), audio))
    assert f"({of.__name__.lower()} x, " in extractor.identity and "segment 2 s" in extractor.identity


def test_both_formats_and_two_objects_give_identical_drums(folder: Path, as_safetensors: Path) -> None:
    audio, extractor = sound(), build(str(folder))
    first = extractor.extract(audio).mono
    np.random.seed(5)
    torch.manual_seed(5)
    random.seed(5)
    for again in (extractor, build(str(folder)), build(str(as_safetensors))):
        assert np.array_equal(first, again.extract(audio).mono)


def test_random_position_shifts_are_switched_off(tmp_path: Path) -> None:
    extractor, audio = build(in_folder(tmp_path, package(tiny(t_sin_random_shift=50)))), sound()
    assert np.array_equal(extractor.extract(audio).mono, extractor.extract(audio).mono)
    assert np.array_equal(extractor.extract(audio).mono, applied(load_model(package(tiny())), audio))


@pytest.mark.parametrize(("seconds", "rate"), [(4.0, 32000), (0.1, 44100), (1.234, 16000), (3.3, RATE)])
def test_rate_and_length_of_the_input_are_kept(folder: Path, seconds: float, rate: int) -> None:
    audio = sound(seconds, rate)
    before, found = audio.mono.copy(), build(str(folder)).extract(audio)
    assert (found.samples.shape, found.sample_rate) == ((1, audio.n_samples), rate)
    assert np.isfinite(found.mono).all() and np.array_equal(audio.mono, before)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [RATE, 32000, 44100, 96000])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 17])
def test_a_few_samples_are_no_error(folder: Path, n: int, rate: int) -> None:
    found = build(str(folder)).extract(Audio(np.full((1, n), 0.3), rate))
    assert found.samples.shape == (1, n) and np.isfinite(found.samples).all()


def test_stereo_is_analysed_as_the_mean_of_its_channels(folder: Path) -> None:
    stereo = Audio(np.random.default_rng(2).normal(0, 0.1, (2, 3 * RATE)), RATE)
    mono = Audio(stereo.mono, RATE)
    assert np.array_equal(build(str(folder)).extract(stereo).mono, build(str(folder)).extract(mono).mono)


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_silence_stays_silence_and_needs_no_model(tmp_path: Path, level: float) -> None:
    (tmp_path / "x.th").write_bytes(b"never read")
    quiet = Audio(level * np.random.default_rng(1).standard_normal((2, RATE)), 32000)
    found = build(str(tmp_path)).extract(quiet)
    assert (found.samples.shape, found.sample_rate) == ((1, RATE), 32000) and not found.samples.any()


def test_loading_the_plug_imports_neither_torch_nor_demucs(folder: Path) -> None:
    code = "import sys; from bench.extractors import demucs_drums; demucs_drums.build(sys.argv[1])"
    code += "; sys.exit(len({'torch', 'demucs', 'safetensors'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0


def test_the_identity_names_everything_that_changes_the_drums(
    folder: Path, as_safetensors: Path, tmp_path: Path
) -> None:
    (path,) = folder.iterdir()
    release = ".".join(torch.__version__.split(".")[:2])
    assert build(str(folder)).identity == (
        f"demucs-drums v1 (htdemucs 0badcafe, sha256 {sha256_of(path)[:12]}, shifts 0, overlap 0.25, segment 1.5 s, "
        f"demucs {version('demucs')}, torch {release})"
    )
    assert "(htdemucs 0badcafe, " in build(str(as_safetensors)).identity
    made = package(tiny())
    del made["kwargs"]["segment"]
    assert "segment 10 s" in build(in_folder(tmp_path, made)).identity
    assert build(str(folder), device="cuda").identity == build(str(folder)).identity[:-1] + ", on cuda)"


def test_the_published_weights_are_required_and_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingComponent, match=r"bench setup htdemucs.*hpss can run without it"):
        build()
    (tmp_path / "htdemucs").mkdir()
    torch.save(package(tiny()), tmp_path / "htdemucs" / WEIGHTS.files[0].name)
    with pytest.raises(BenchError, match=r"the published file's begins with 8726e21a"):
        build()


def test_a_wrong_checksum_and_a_wrong_number_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds 0 models"):
        build(str(tmp_path))
    in_folder(tmp_path, package(tiny()))
    (tmp_path / "x.th").rename(tmp_path / "0badcafe-00000000.th")
    with pytest.raises(BenchError, match=r"its sha256 begins with [0-9a-f]{8}, its name says 00000000; get it again"):
        build(str(tmp_path))
    in_folder(tmp_path, package(tiny()))
    with pytest.raises(BenchError, match="holds 2 models"):
        build(str(tmp_path))


def test_a_missing_device_is_refused(folder: Path) -> None:
    with pytest.raises(BenchError, match="device='tpu'; want cpu or cuda"):
        build(str(folder), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(BenchError, match="torch finds no CUDA device here; leave device at 'cpu'"):
            build(str(folder), device="cuda").extract(sound())


class Payload(str):
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self),)


@pytest.mark.parametrize("use", ["extract", "identity"])
@pytest.mark.parametrize("where", ["whole", "args", "klass", "training_args", "state"])
def test_loading_runs_no_code_from_the_file(tmp_path: Path, where: str, use: str) -> None:
    harm, made = tmp_path / "harm", package(tiny())
    evil = Payload(str(harm))
    extractor = build(in_folder(tmp_path, evil if where == "whole" else {**made, where: {"x": evil}}))
    with pytest.raises(BenchError, match=r"x\.th: is no Demucs model that can be read safely \(.*mkdir") as got:
        _ = extractor.extract(sound()) if use == "extract" else extractor.identity
    assert not harm.exists() and "\n" not in str(got.value) and "weights_only" not in str(got.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_loading_a_plain_pickle_runs_no_code(tmp_path: Path) -> None:
    evil = pickle.dumps(Payload(str(tmp_path / "harm")))
    (tmp_path / "x.th").write_bytes(evil)
    with pytest.raises(BenchError, match=r"x\.th: is no Demucs model that can be read safely"):
        build(str(tmp_path)).extract(sound())
    assert not (tmp_path / "harm").exists()
    # The payload works: unpickled without protection, it does what the test above forbids.
    pickle.loads(evil)
    assert (tmp_path / "harm").is_dir()


def changed(**kwargs: Any) -> dict[str, Any]:
    made = package(tiny())
    return {**made, "kwargs": {**made["kwargs"], **kwargs}}


NOT_FINITE = {name: value * float("nan") for name, value in tiny().state_dict().items()}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "can be read safely"),
        (b"noise", "can be read safely"),
        ({"state": {}}, "lacks class, arguments or weights"),
        ({**package(tiny()), "klass": Fraction}, "names 'Fraction'; want one of demucs.htdemucs"),
        ({**package(tiny()), "klass": torch.zeros(3)}, "names 'Tensor'; want one of demucs.htdemucs"),
        ({**package(tiny()), "args": 3}, "no model that demucs can build"),
        (changed(no_such=1), "no model that demucs can build"),
        (changed(segment=0), "segment, rate or channels not above 0"),
        (changed(samplerate=-1), "segment, rate or channels not above 0"),
        ({**package(tiny()), "state": {}}, r"no model that demucs can build \(RuntimeError: .*Missing key"),
        ({**package(tiny()), "state": 3}, "no model that demucs can build"),
        (package(tiny(["bass", "other"])), "separates bass, other, want a model with a source 'drums'"),
        (changed(segment=Fraction(1, 9000)), "the model does not run"),
        ({**package(tiny()), "state": NOT_FINITE}, "drums are not finite; its weights are damaged"),
    ],
)
def test_files_that_are_not_drum_separators_are_refused_with_the_reason(
    tmp_path: Path, content: object, reason: str
) -> None:
    if isinstance(content, bytes):
        (tmp_path / "x.th").write_bytes(content)
    else:
        in_folder(tmp_path, content)
    with pytest.raises(BenchError, match=rf"x\.th: .*{reason}") as got:
        build(str(tmp_path)).extract(sound())
    assert "\n" not in str(got.value)


@pytest.mark.parametrize("kind", ["folder", "as_safetensors"])
def test_a_truncated_file_is_refused(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (path,) = request.getfixturevalue(kind).iterdir()
    whole, broken = path.read_bytes(), tmp_path / f"x{path.suffix}"
    for share in (0.1, 0.5, 0.99):
        broken.write_bytes(whole[: round(share * len(whole))])
        with pytest.raises(BenchError, match=rf"x\{path.suffix}: is no Demucs model that can be read safely"):
            build(str(tmp_path)).extract(sound())


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"klass": "os.system", "args": '["touch harm"]'}, r"names 'os\.system'; want one of"),
        ({"klass": "demucs.htdemucs.capture_init"}, r"names 'demucs\.htdemucs\.capture_init'; want one of"),
        ({"args": "not JSON"}, "can be read safely"),
        ({"kwargs": '{"segment": {"_type": "fraction", "numerator": 1, "denominator": 0}}'}, "can be read safely"),
        ({"kwargs": "[]"}, "no model that demucs can build"),
        ({}, "its metadata lack args, klass, kwargs"),
    ],
)
def test_metadata_of_safetensors_are_checked(tmp_path: Path, about: dict[str, str], reason: str) -> None:
    path = tmp_path / "x.safetensors"
    save_safetensors(path, package(tiny()), **about) if about else save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(BenchError, match=rf"x\.safetensors: .*{reason}"):
        build(str(tmp_path)).extract(sound())
