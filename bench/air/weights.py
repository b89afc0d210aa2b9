"""Read weight files of decoders and adapters: this project's, transformers' folders, and published AIR checkpoints."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench.air.adapter import LOW_RANK, of
from bench.air.decoder import Config, Decoder
from bench.air.published import read_tensor_file, tensor_files
from bench.errors import BenchError
from bench.runtime.tensors import read_about, read_tensors

_INNER = ("decoder.model.decoder.", "model.decoder.")
_HEADS = ("decoder.lm_heads.", "lm_heads.")


def about_decoder(decoder: Decoder) -> dict[str, str]:
    """Return the metadata that `read_decoder` needs in a decoder's weight file."""
    return {"config": json.dumps(asdict(decoder.config))}


def read_decoder(path: Path) -> Decoder:
    """Read a decoder from this project's weight file; float32, in inference mode.

    Raises:
        BenchError: the file is missing or damaged, or holds no decoder.
    """
    about = read_about(path)
    try:
        decoder = Decoder(Config(**about["config"]))
        decoder.load_state_dict({name: torch.from_numpy(v).float() for name, v in read_tensors(path).items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BenchError(f"{path}: is not a mini decoder ({str(error)[:200]}); train it or get it again") from error
    return decoder.eval()


def read_transformers(folder: Path, dtype: str = "float32") -> Decoder:
    """Read the decoder from a MusicGen folder: config.json and the files of `bench.air.published.tensor_files`.

    Cross-attention, text encoder and codec in the same files are ignored.

    Raises:
        BenchError: a file is missing or damaged, or the configuration is not a MusicGen decoder's.
    """
    config = read_config(folder)
    with torch.device("meta"):
        decoder = Decoder(config)
    wanted = set(decoder.state_dict())
    state = {}
    for path in tensor_files(folder):
        for name, value in read_tensor_file(path).items():
            short = _short(name)
            if short in wanted:
                state[short] = value.to(getattr(torch, dtype))
    if missing := sorted(wanted - set(state)):
        raise BenchError(f"{folder}: {len(missing)} tensors are missing, e.g. {missing[0]}; get it again")
    try:
        decoder.load_state_dict(state, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise BenchError(f"{folder}: its tensors do not fit its config.json ({reason})") from error
    return decoder.eval()


def _short(name: str) -> str:
    for inner in _INNER:
        if name.startswith(inner):
            return name.removeprefix(inner)
    for heads in _HEADS:
        if name.startswith(heads):
            return "lm_heads." + name.removeprefix(heads)
    return name


def read_config(folder: Path) -> Config:
    """Read the decoder's sizes from a MusicGen folder's config.json.

    Raises:
        BenchError: the file is missing or damaged, or not the configuration of a mono MusicGen decoder.
    """
    path = folder / "config.json"
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
        keys = keys.get("decoder", keys)
        sizes = Config(
            int(keys["hidden_size"]),
            int(keys["num_hidden_layers"]),
            int(keys["num_attention_heads"]),
            int(keys["ffn_dim"]),
            int(keys.get("num_codebooks", 4)),
            int(keys.get("vocab_size", 2048)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{path}: is not the configuration of a MusicGen decoder ({error!r})") from error
    if keys.get("audio_channels", 1) != 1 or keys.get("activation_function", "gelu") != "gelu":
        raise BenchError(f"{path}: want a mono decoder with gelu; give a mono MusicGen")
    return sizes


def read_adapter(path: Path, config: Config) -> tuple[Any, dict[str, Any]]:
    """Read an adapter for a decoder of this configuration, from safetensors or a published AIR checkpoint (.pth, .pt).

    Returns:
        The adapter (None for a low-rank adaptation, which `bench.air.adapter.merged` adds to the decoder) and all
        tensors.

    Raises:
        BenchError: the file is missing or damaged, or the adapter is for another decoder.
    """
    tensors = read_tensors(path) if path.suffix == ".safetensors" else _read_published(path)
    if tensors and all(name.startswith(f"{LOW_RANK}.") for name in tensors):
        return None, tensors
    try:
        return of(tensors, config), tensors
    except BenchError as error:
        raise BenchError(f"{path}: {error}") from error


def _read_published(path: Path) -> dict[str, Any]:
    """Read a published checkpoint: a dictionary, possibly nested, with tensors named `...adaptor` and `...gates`."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpicklers fail in many ways
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BenchError(f"{path}: cannot be read with weights only ({reason}); give an AIR adapter") from error
    flat = dict(_leaves(checkpoint))
    tensors = {}
    for wanted in ("adaptor", "gates"):
        names = [name for name in flat if name.rpartition(".")[2] == wanted]
        if len(names) != 1:
            raise BenchError(f"{path}: holds {len(names)} tensors called {wanted}, want one; give an AIR adapter")
        tensors[wanted] = flat[names[0]]
    return tensors


def _leaves(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, torch.Tensor):
        yield name, value
