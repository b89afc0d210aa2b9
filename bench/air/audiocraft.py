"""Convert MusicGen weights from audiocraft to transformers and back: `bench convert audiocraft SOURCE TARGET`.

audiocraft need not be installed. Its `state_dict.bin` is a package: `best_state`, the tensors by name, and `xp.cfg`,
the configuration as YAML text. The transformers folder has no text encoder, since no system here reads text.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from bench.air.audiocraft_names import TEXT, config_of, short_name, to_audiocraft, to_transformers
from bench.air.decoder import Config, Decoder
from bench.air.published import read_tensor_file, tensor_files
from bench.errors import BenchError
from bench.formats import dump_yaml
from bench.paths import atomic, write_text

_T5 = {512: "t5-small", 768: "t5-base", 1024: "t5-large"}
_WANTED: dict[str, Any] = {
    "codebooks_pattern.modeling": "delay",
    "transformer_lm.q_modeling": "delay",
    "transformer_lm.norm_first": True,
    "transformer_lm.activation": "gelu",
    "transformer_lm.positional_embedding": "sin",
    "transformer_lm.positional_scale": 1,
    "fuser.cross_attention_pos_emb": False,
    "fuser.prepend": [],
    "fuser.sum": [],
    "fuser.input_interpolate": [],
    "interleave_stereo_codebooks.use": False,
}
"""Values that a configuration must have for the network of `bench.air.decoder`; a key that is absent is accepted."""


def read_package(path: Path, heads: int | None = None) -> tuple[dict[str, Tensor], Config]:
    """Read `state_dict.bin`, or a bare state dict, without executing any pickled code.

    Args:
        path: The file.
        heads: Attention heads; None to take them from the file's configuration, else from `config_of`.

    Returns:
        All tensors named as in transformers, in the file's precision, and the decoder's sizes.

    Raises:
        BenchError: the file is missing, damaged, or holds another network than text-conditioned MusicGen.
    """
    package = _loaded(path)
    state = package.get("best_state", package)
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise BenchError(f"{path}: holds no tensors by name; give audiocraft's state_dict.bin")
    try:
        keys = _configuration(package.get("xp.cfg", ""))
        tensors = to_transformers(state)
        config = config_of(tensors, _at(keys, "transformer_lm.num_heads") if heads is None else heads)
        _refuse_others(keys, _WANTED | {"codebooks_pattern.delay.delays": list(range(config.books))})
    except BenchError as error:
        raise BenchError(f"{path}: {error}") from error
    return tensors, config


def read_decoder(path: Path, heads: int | None = None) -> Decoder:
    """Read the decoder from audiocraft's `state_dict.bin`; float32, in inference mode; raises like `read_package`."""
    tensors, config = read_package(path, heads)
    decoder = Decoder(config)
    wanted = set(decoder.state_dict())
    try:
        decoder.load_state_dict({name: value.float() for name, value in tensors.items() if name in wanted})
    except RuntimeError as error:
        raise BenchError(f"{path}: its tensors do not fit together ({' '.join(str(error).split())[:300]})") from error
    return decoder.eval()


def write_folder(folder: Path, tensors: Mapping[str, Tensor], config: Config, codec: Path | None = None) -> None:
    """Write a MusicGen folder for transformers: config.json and model.safetensors.

    Args:
        folder: Where to write; created if missing.
        tensors: As `read_package` returns them.
        config: The decoder's sizes.
        codec: A transformers folder with the EnCodec; its tensors and configuration are added.

    Raises:
        BenchError: the codec cannot be read, or the folder cannot be written.
    """
    from safetensors.torch import save_file

    keys: dict[str, Any] = {"model_type": "musicgen", "decoder": _decoder_keys(config)}
    full = {_full(name): value.contiguous() for name, value in tensors.items()}
    if codec is not None:
        sound, keys["audio_encoder"] = _codec(codec)
        full.update(sound)
    with atomic(folder / "model.safetensors") as part:
        save_file(full, str(part), metadata={"format": "pt"})
    write_text(folder / "config.json", json.dumps(keys, indent=2) + "\n")


def write_package(path: Path, tensors: Mapping[str, Tensor], config: Config) -> None:
    """Write audiocraft's `state_dict.bin`; its `MusicGen.get_pretrained` reads it together with the codec's own file.

    Args:
        path: The file.
        tensors: Named as in transformers, with cross-attention and text projection, which audiocraft needs.
        config: The decoder's sizes.

    Raises:
        BenchError: a tensor has no counterpart in audiocraft, or the text projection is missing or fits no known T5.
    """
    state = to_audiocraft(tensors)
    width = state[f"{TEXT}.weight"].shape[1] if f"{TEXT}.weight" in state else 0
    if width not in _T5:
        raise BenchError(f"{TEXT}.weight: missing, or of {width} channels; want one of {', '.join(map(str, _T5))}")
    about = {"best_state": state, "xp.cfg": dump_yaml(_audiocraft_keys(config, _T5[width])), "exported": True}
    with atomic(path) as part:
        torch.save(about | {"version": "1.3.0"}, part)


def convert(source: Path, target: Path, heads: int | None = None, codec: Path | None = None) -> None:
    """Convert a state_dict.bin into a transformers folder, or a transformers folder into a state_dict.bin.

    Args:
        source: audiocraft's file, or a MusicGen folder of transformers.
        target: The folder or file to write.
        heads: Attention heads; needed if the file does not name them.
        codec: A transformers folder with the EnCodec, added to the target.

    Raises:
        BenchError: the source cannot be read or cannot be converted, or a folder is given with heads or a codec.
    """
    if not source.is_dir():
        write_folder(target, *read_package(source, heads), codec)
    elif heads or codec:
        raise BenchError(f"{source}: --heads and --codec are for a state_dict.bin; a folder has both, leave them out")
    else:
        write_package(target, *_read_folder(source))


def _full(name: str) -> str:
    if name.startswith("enc_to_dec_proj."):
        return name
    return f"decoder.{name}" if name.startswith("lm_heads.") else f"decoder.model.decoder.{name}"


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        package = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files break the reader in many ways
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise BenchError(f"{path}: cannot be read with weights only ({reason}); get it again") from error
    if not isinstance(package, Mapping):
        raise BenchError(f"{path}: holds a {type(package).__name__}; give audiocraft's state_dict.bin")
    return package


def _configuration(text: Any) -> Any:
    try:
        return yaml.safe_load(str(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BenchError(f"xp.cfg: cannot be read as YAML ({' '.join(str(error).split())[:200]})") from error


def _at(keys: Any, name: str) -> Any:
    for key in name.split("."):
        keys = keys.get(key) if isinstance(keys, dict) else None
    return keys


def _refuse_others(keys: Any, wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if (setting := _at(keys, name)) not in (None, value):
            raise BenchError(f"xp.cfg: {name} is {setting!r}, want {value!r}; only mono MusicGen for text is read")


def _read_folder(folder: Path) -> tuple[dict[str, Tensor], Config]:
    """Read all tensors of the language model from a MusicGen folder in transformers' format."""
    state, keys = _read_transformers(folder)
    others = ("audio_encoder.", "text_encoder.")
    tensors = {short_name(name): value for name, value in state.items() if not name.startswith(others)}
    try:
        return tensors, config_of(tensors, _at(keys, "decoder.num_attention_heads"))
    except BenchError as error:
        raise BenchError(f"{folder}: {error}") from error


def _codec(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the codec's tensors, named as in a MusicGen folder, and its configuration."""
    state, keys = _read_transformers(folder)
    inner = {name: value for name, value in state.items() if name.startswith("audio_encoder.")}
    return inner or {f"audio_encoder.{name}": value for name, value in state.items()}, keys.get("audio_encoder", keys)


def _read_transformers(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        keys = dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        return {n: v for path in tensor_files(folder) for n, v in read_tensor_file(path).items()}, keys
    except Exception as error:  # damaged files break the readers in many ways
        raise BenchError(f"{folder}: is not a transformers folder ({' '.join(str(error).split())[:200]})") from error


def _decoder_keys(config: Config) -> dict[str, Any]:
    return {
        "model_type": "musicgen_decoder", "hidden_size": config.width, "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads, "ffn_dim": config.ffn, "num_codebooks": config.books,
        "vocab_size": config.entries, "pad_token_id": config.pad, "bos_token_id": config.pad,
        "activation_function": "gelu", "scale_embedding": False, "audio_channels": 1,
    }  # fmt: skip


def _audiocraft_keys(config: Config, t5: str) -> dict[str, Any]:
    lm = {
        "n_q": config.books, "card": config.entries, "dim": config.width, "num_heads": config.heads,
        "num_layers": config.depth, "hidden_scale": config.ffn / config.width, "norm": "layer_norm",
        "norm_first": True, "activation": "gelu", "bias_proj": False, "bias_ff": False, "bias_attn": False,
        "causal": True, "memory_efficient": True, "cross_attention": True, "positional_embedding": "sin",
    }  # fmt: skip
    return {
        "solver": "musicgen", "sample_rate": 32000, "channels": 1, "dtype": "float32", "device": "cpu",
        "dataset": {"segment_duration": 30}, "lm_model": "transformer_lm", "transformer_lm": lm,
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": list(range(config.books))}},
        "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0}, "attribute_dropout": {},
        "fuser": {"cross": ["description"], "sum": [], "prepend": [], "input_interpolate": []},
        "conditioners": {"description": {"model": "t5", "t5": {"name": t5, "finetune": False}}},
    }  # fmt: skip
