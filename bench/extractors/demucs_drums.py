"""Drums by HTDemucs, a trained hybrid transformer (needs its weights: `bench setup htdemucs`)."""

import json
from fractions import Fraction
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, is_silent
from bench.errors import BenchError
from bench.weights import File, Weights, sha256_of

VERSION = 1
OVERLAP = 0.25
SUFFIXES = (".th", ".safetensors")
WEIGHTS = Weights(
    name="htdemucs",
    description="HTDemucs, the separator behind demucs-drums",
    licence="code MIT, weights as published by Meta",
    files=(
        File(
            "955717e8-8726e21a.th",
            "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th",
            sha256="8726e21a",
        ),
    ),
)


class DemucsDrums:
    """The drum source of a Demucs model, without its random shifts, so that the same sound gives the same drums.

    Rouard, Massa and Defossez, Hybrid transformers for music source separation (ICASSP 2023). The model runs over
    segments of its own length with a quarter of overlap, on sound brought to zero mean and unit deviation as its own
    separator does.
    """

    kind = "drums"

    def __init__(self, path: Path, device: str) -> None:
        """Take the model's file; it is loaded when first needed."""
        self._path, self._device = path, device
        self.identity = (
            f"demucs-drums v{VERSION} ({path.stem}, sha256 {sha256_of(path)[:12]}, no shifts, overlap {OVERLAP:g}, "
            f"demucs {version('demucs')}, torch {version('torch')})"
        )

    @cached_property
    def _model(self) -> Any:
        package = _read(self._path)
        try:
            model = package["klass"](*package["args"], **package["kwargs"])
            model.load_state_dict(package["state"])
        except Exception as error:  # A stranger's arguments may break the constructor in any way.
            raise BenchError(f"{self._path}: holds no model that demucs can build ({_line(error)})") from error
        if "drums" not in model.sources:
            raise BenchError(f"{self._path}: separates {', '.join(model.sources)}, want a model with a source 'drums'")
        return model.float().eval().to(self._device)

    def extract(self, audio: Audio) -> Audio:
        """Return the drums, mono, of the input's rate and length; silence stays silence."""
        if is_silent(audio.mono):
            return Audio(np.zeros_like(audio.mono), audio.sample_rate)
        import torch
        from demucs.apply import apply_model

        model = self._model
        sound = Audio(audio.mono, audio.sample_rate).resampled(model.samplerate).mono
        mean, spread = float(sound.mean()), float(sound.std(ddof=1)) + 1e-8
        mix = torch.from_numpy((sound - mean) / spread).float().expand(1, model.audio_channels, -1)
        with torch.inference_mode():
            found = apply_model(model, mix, shifts=0, split=True, overlap=OVERLAP, device=self._device)
        drums = found[0, model.sources.index("drums")].mean(dim=0).cpu().numpy() * spread
        back = Audio(drums.astype(np.float32), model.samplerate).resampled(audio.sample_rate).mono
        n = audio.n_samples
        return Audio(np.pad(back, (0, max(n - len(back), 0)))[:n], audio.sample_rate)


def build(folder: str = "", device: str = "cpu") -> DemucsDrums:
    """Build the separator.

    Args:
        folder: A folder with one Demucs model in it: `SIGNATURE.th` or `SIGNATURE-CHECKSUM.th` as demucs writes them,
            or its `.safetensors` form; the published HTDemucs when empty.
        device: `cpu` or `cuda`; scores are made on the CPU, where sums have one order.

    Raises:
        MissingComponent: the published weights are not here.
        BenchError: the folder holds no model or several, or the file is not the one that its name says.
    """
    home = Path(folder) if folder else WEIGHTS.find("hpss runs without weights")
    found = sorted(path for path in home.glob("*") if path.suffix in SUFFIXES)
    if len(found) != 1:
        raise BenchError(f"{home}: holds {len(found)} models ({' or '.join(SUFFIXES)}), want exactly one")
    _, dash, checksum = found[0].stem.rpartition("-")
    if dash and found[0].suffix == ".th" and not sha256_of(found[0]).startswith(checksum):
        raise BenchError(f"{found[0]}: its sha256 begins with {sha256_of(found[0])[:8]}, its name says {checksum}")
    return DemucsDrums(found[0], device)


def _classes() -> dict[str, type]:
    """Return the only classes that a model file may name."""
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    return {f"{one.__module__}.{one.__name__}": one for one in (HTDemucs, HDemucs, Demucs)}


def _read(path: Path) -> dict[str, Any]:
    """Read class, arguments and weights; no code of the file's own runs."""
    try:
        package = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except Exception as error:  # Damaged files break the readers in many ways.
        raise BenchError(f"{path}: is no Demucs model that can be read safely ({_line(error)})") from error
    if not isinstance(package, dict) or not {"klass", "args", "kwargs", "state"} <= set(package):
        raise BenchError(f"{path}: is no Demucs model; it lacks class, arguments or weights")
    if package["klass"] not in _classes().values():
        raise BenchError(f"{path}: names {package['klass']!r}; want one of {', '.join(_classes())}")
    return package


def _read_pickle(path: Path) -> Any:
    import torch

    with torch.serialization.safe_globals([*_classes().values(), Fraction]):
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Read what demucs 4.1 publishes on the hub: JSON of class and arguments beside the tensors."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        about = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {
        "klass": _classes().get(about["klass"], about["klass"]),
        "args": _decoded(json.loads(about["args"])),
        "kwargs": _decoded(json.loads(about["kwargs"])),
        "state": state,
    }


def _decoded(value: Any) -> Any:
    """Turn `{"_type": "fraction", ...}` back into a fraction, at any depth."""
    if isinstance(value, dict) and value.get("_type") == "fraction":
        return Fraction(int(value["numerator"]), int(value["denominator"]))
    if isinstance(value, dict):
        return {key: _decoded(one) for key, one in value.items()}
    return [_decoded(one) for one in value] if isinstance(value, list) else value


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}"
