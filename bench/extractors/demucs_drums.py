"""Drums by HTDemucs, a trained hybrid transformer (needs its weights: `bench setup htdemucs`)."""

import inspect
import json
from fractions import Fraction
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from bench.audio import Audio, Samples, is_silent
from bench.errors import BenchError
from bench.runtime.weights import File, Weights, sha256_of

VERSION = 1
SHIFTS, OVERLAP = 0, 0.25
SUFFIXES = (".th", ".safetensors")
DEVICES = ("cpu", "cuda")
_TINY = 1e-8
_LONGEST_REASON = 200
RESTRICTED = "weights for scientific purposes only, as their author says (facebookresearch/demucs, issue 327)"
WEIGHTS = Weights(
    name="htdemucs",
    description="HTDemucs, the separator behind demucs-drums",
    licence=f"code MIT, {RESTRICTED}",
    files=(
        File(
            "955717e8-8726e21a.th",
            "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th",
            sha256="8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4",
        ),
    ),
    size_gb=0.084,
)


class DemucsDrums:
    """The drum source of a Demucs model, without its random shifts, so that the same sound gives the same drums.

    Rouard, Massa and Defossez, Hybrid transformers for music source separation (ICASSP 2023). The model runs over
    segments of its own length with an overlap of a quarter, on sound standardised as in its own separator.
    """

    kind = "drums"

    def __init__(self, path: Path, device: str) -> None:
        """Take the model's file; it is read at its first use."""
        self._path, self._device = path, device

    @cached_property
    def identity(self) -> str:
        """Model, file and everything that changes a sample; the segment's length is read from the file.

        Raises:
            BenchError: the file is not a Demucs model that can be read safely.
        """
        package = _read(self._path)
        segment = float(_arguments(self._path, package)["segment"])
        where = "" if self._device == "cpu" else f", on {self._device}"
        return (
            f"demucs-drums v{VERSION} ({package['klass'].__name__.lower()} {_signature(self._path)}, "
            f"sha256 {sha256_of(self._path)[:12]}, shifts {SHIFTS}, overlap {OVERLAP:g}, segment {segment:g} s, "
            f"demucs {version('demucs')}, torch {'.'.join(version('torch').split('.')[:2])}{where})"
        )

    @cached_property
    def _model(self) -> Any:
        import torch

        if self._device == "cuda" and not torch.cuda.is_available():
            raise BenchError("demucs-drums: device='cuda', but torch finds no CUDA device here; leave device at 'cpu'")
        model = _built(self._path, _read(self._path))
        return model.float().eval().to(self._device)

    def extract(self, audio: Audio) -> Audio:
        """Return the drums, mono, at the input's rate and length; silence stays silence.

        Raises:
            BenchError: the file holds no model with drums, or a model that does not run or returns values not finite.
        """
        sound = audio.mono
        if not is_silent(sound):
            sound = Audio(sound, audio.sample_rate).resampled(self._model.samplerate).mono
        # A few samples at a high rate may resample to none at the model's rate.
        if is_silent(sound):
            return Audio(np.zeros(audio.n_samples, dtype=np.float32), audio.sample_rate)
        back = Audio(self._separated(sound), self._model.samplerate).resampled(audio.sample_rate).mono
        n = audio.n_samples
        return Audio(np.pad(back, (0, max(n - len(back), 0)))[:n], audio.sample_rate)

    def _separated(self, sound: Samples) -> Samples:
        """Return the drums of (n,) samples at the model's rate, the same shape."""
        import torch
        from demucs.apply import apply_model

        model = self._model
        with torch.inference_mode():
            mix = torch.tensor(sound).expand(model.audio_channels, -1)
            mono = mix.mean(0)
            mean, spread = mono.mean(), (mono.std() if len(sound) > 1 else torch.zeros(())) + _TINY
            try:
                sources = apply_model(
                    model, ((mix - mean) / spread)[None], SHIFTS, split=True, overlap=OVERLAP, device=self._device
                )
            except Exception as error:  # Wrong arguments in a file may show only when the network runs.
                raise BenchError(f"{self._path}: the model does not run ({_reason(error)})") from error
            drums: Samples = (sources[0, model.sources.index("drums")] * spread + mean).mean(0).numpy()
        if not np.isfinite(drums).all():
            raise BenchError(f"{self._path}: the model's drums are not finite; its weights are damaged, get it again")
        return drums


def build(folder: str = "", device: str = "cpu") -> DemucsDrums:
    """Return the separator.

    Args:
        folder: A folder with one Demucs model: `SIGNATURE.th` or `SIGNATURE-CHECKSUM.th` as demucs writes them, or its
            `.safetensors` form; the published HTDemucs when empty.
        device: `cpu` or `cuda`; published scores are made on the CPU.

    Raises:
        MissingComponent: the published weights are missing.
        BenchError: the folder holds no model or several, the file's checksum differs from the one in its name, or
            there is no such device.
    """
    if device not in DEVICES:
        raise BenchError(f"demucs-drums: device={device!r}; want {' or '.join(DEVICES)}")
    if not folder:
        return DemucsDrums(WEIGHTS.find("hpss") / WEIGHTS.files[0].name, device)
    models = sorted(path for path in Path(folder).glob("*") if path.suffix in SUFFIXES)
    if len(models) != 1:
        raise BenchError(f"{folder}: holds {len(models)} models ({' or '.join(SUFFIXES)}), want exactly one")
    path = models[0]
    _, dash, checksum = path.stem.rpartition("-")
    if dash and path.suffix == ".th" and not (sha256 := sha256_of(path)).startswith(checksum):
        raise BenchError(
            f"{path}: its sha256 begins with {sha256[: len(checksum)]}, its name says {checksum}; get it again"
        )
    return DemucsDrums(path, device)


def _signature(path: Path) -> str:
    """Return the model's signature: the file's name without suffix and checksum."""
    return path.stem.rpartition("-")[0] if path.suffix == ".th" and "-" in path.stem else path.stem


def _classes() -> dict[str, type]:
    """Return the classes that a model file may name."""
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    return {f"{one.__module__}.{one.__name__}": one for one in (HTDemucs, HDemucs, Demucs)}


def _read(path: Path) -> dict[str, Any]:
    """Read class, arguments and weights without running code from the file."""
    try:
        package = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except Exception as error:  # The readers raise errors of many types for damaged files.
        raise BenchError(f"{path}: is no Demucs model that can be read safely ({_reason(error)})") from error
    if not isinstance(package, dict) or not {"klass", "args", "kwargs", "state"} <= set(package):
        raise BenchError(f"{path}: is no Demucs model; it lacks class, arguments or weights")
    klass = package["klass"]
    # Compared by identity: a class named by the file may define its own equality.
    if not any(klass is one for one in _classes().values()):
        named = klass if isinstance(klass, str) else getattr(klass, "__name__", type(klass).__name__)
        raise BenchError(f"{path}: names {_short(str(named))!r}; want one of {', '.join(_classes())}")
    return package


def _read_pickle(path: Path) -> Any:
    import torch

    # The published file holds a float64 pickled by numpy 1: a type and eight bytes, no code.
    scalar: Any = (np.float64().__reduce__()[0], "numpy.core.multiarray.scalar")
    with torch.serialization.safe_globals([*_classes().values(), Fraction, scalar, np.dtype, np.dtypes.Float64DType]):
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Read the format that demucs 4.1 publishes on the hub: tensors, with class and arguments as JSON metadata."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        about = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if lacking := sorted({"klass", "args", "kwargs"} - set(about)):
        raise ValueError(f"its metadata lack {', '.join(lacking)}")
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


def _arguments(path: Path, package: dict[str, Any]) -> dict[str, Any]:
    """Return the model's arguments by name, including defaults.

    Raises:
        BenchError: the class does not take the arguments, or they do not describe a separator of drums.
    """
    try:
        bound = inspect.signature(package["klass"]).bind(*package["args"], **package["kwargs"])
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        sources = [str(source) for source in arguments["sources"]]
        is_usable = all(float(arguments[name]) > 0 for name in ("segment", "samplerate", "audio_channels"))
    except Exception as error:  # The arguments in a file may be anything.
        raise BenchError(f"{path}: holds no model that demucs can build ({_reason(error)})") from error
    if not is_usable:
        raise BenchError(f"{path}: holds no model that demucs can build (segment, rate or channels not above 0)")
    if "drums" not in sources:
        raise BenchError(f"{path}: separates {_short(', '.join(sources))}, want a model with a source 'drums'")
    return arguments


def _built(path: Path, package: dict[str, Any]) -> Any:
    """Return the network with its weights."""
    _arguments(path, package)
    try:
        model = package["klass"](*package["args"], **package["kwargs"])
        model.load_state_dict(package["state"])
    except Exception as error:  # Wrong arguments may raise any error in the constructor.
        raise BenchError(f"{path}: holds no model that demucs can build ({_reason(error)})") from error
    # A transformer trained with random position shifts also draws them in evaluation mode.
    for part in model.modules():
        if hasattr(part, "sin_random_shift"):
            part.sin_random_shift = 0
    return model


def _reason(error: BaseException) -> str:
    """Return a library's error in one line, without torch's advice to load the file unsafely."""
    # torch wraps the unpickler's message into that advice and keeps the original error as the context.
    cause = error.__context__ if isinstance(error, UnpicklingError) and error.__context__ else error
    line = " ".join(str(cause).split()).partition(" Please use ")[0]
    return f"{type(error).__name__}: {_short(line) or 'no reason given'}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."
