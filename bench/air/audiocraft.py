"""audiocraft's MusicGen weights and ours, both ways: `bench convert audiocraft SOURCE TARGET`.

audiocraft itself is not needed. Its `state_dict.bin` is a package: `best_state`, the tensors by name, and `xp.cfg`, the
configuration as YAML text. What is written for transformers has no text encoder: none of our systems reads a text.
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
"""What a configuration must say, where it says anything, for the network to be the one of `bench.air.decoder`."""


def read_package(path: Path, heads: int | None = None) -> tuple[dict[str, Tensor], Config]:
    """Read `state_dict.bin`, or a bare state dict, without running any code of the file's own.

    Args:
        path: The file.
        heads: Attention heads; from the configuration in the file when None, or else as `config_of` has it.

    Returns:
        All tensors named as in transformers, in the file's precision, and the decoder's sizes.

    Raises:
        BenchError: missing, damaged, or of a network other than MusicGen from text.
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
    """Read the decoder from audiocraft's `state_dict.bin`; float32, ready for use; raises as `read_package` does."""
    tensors, config = read_package(path, heads)
    decoder = Decoder(config)
    wanted = set(decoder.state_dict())
    try:
        decoder.load_state_dict({name: value.float() for name, value in tensors.items() if name in wanted})
    except RuntimeError as error:
        raise BenchError(f"{path}: its tensors do not fit together ({' '.join(str(error).split())[:300]})") from error
    return decoder.eval()


def write_folder(folder: Path, tensors: Mapping[str, Tensor], config: Config, codec: Path | None = None) -> None:
    """Write a MusicGen folder of transformers: config.json and model.safetensors.

    Args:
        folder: Where to write; made if it is not there.
        tensors: As `read_package` returns them.
        config: The decoder's sizes.
        codec: A folder of transformers with the EnCodec, whose tensors and configuration are put beside the decoder's.

    Raises:
        BenchError: the codec cannot be read, or the folder not written.
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
    """Write audiocraft's `state_dict.bin`, which its `MusicGen.get_pretrained` reads beside the codec's own file.

    Args:
        path: The file.
        tensors: Named as in transformers, cross-attention and text projection among them: audiocraft wants both.
        config: The decoder's sizes.

    Raises:
        BenchError: a tensor has no place, or the text projection is missing or of no T5 that audiocraft knows.
    """
    state = to_audiocraft(tensors)
    width = state[f"{TEXT}.weight"].shape[1] if f"{TEXT}.weight" in state else 0
    if width not in _T5:
        raise BenchError(f"{TEXT}.weight: missing, or from {width} channels; want one of {', '.join(map(str, _T5))}")
    about = {"best_state": state, "xp.cfg": dump_yaml(_audiocraft_keys(config, _T5[width])), "exported": True}
    with atomic(path) as part:
        torch.save(about | {"version": "1.3.0"}, part)


def convert(source: Path, target: Path, heads: int | None = None, codec: Path | None = None) -> None:
    """Convert a state_dict.bin into a folder of transformers, or such a folder into a state_dict.bin.

    Args:
        source: audiocraft's file, or a MusicGen folder of transformers.
        target: The folder, or the file, to write.
        heads: Attention heads, where the file does not say.
        codec: A folder with transformers' EnCodec, put beside the decoder.

    Raises:
        BenchError: the source cannot be read or has no place in the other form, or a folder is given heads or a codec.
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
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise BenchError(f"{path}: cannot be read as weights alone ({said}); get it again") from error
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
        if (found := _at(keys, name)) not in (None, value):
            raise BenchError(f"xp.cfg: {name} is {found!r}, want {value!r}; only mono MusicGen from text is read")


def _read_folder(folder: Path) -> tuple[dict[str, Tensor], Config]:
    """Read the language model's tensors, all of them, from a MusicGen folder of transformers."""
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
        raise BenchError(f"{folder}: is no folder of transformers ({' '.join(str(error).split())[:200]})") from error


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
