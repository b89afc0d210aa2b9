"""Convert LAION's CLAP checkpoints to the format of transformers: `bench convert clap CHECKPOINT FOLDER`."""

import re
import shutil
from pathlib import Path
from typing import Any

from bench.errors import BenchError

_TOWER = "audio_model.audio_encoder."
_RENAMES = (
    (r"^audio_model\.audio_encoder\.batch_norm\.", "audio_branch.bn0."),
    (r"^audio_model\.audio_encoder\.", "audio_branch."),
    (r"\.attention\.self\.relative_position", ".attn.relative_position"),
    (r"^(audio_branch\..*)\.attention\.output\.dense\.", r"\1.attn.proj."),
    (r"^(audio_branch\..*)\.layernorm_before\.", r"\1.norm1."),
    (r"^(audio_branch\..*)\.layernorm_after\.", r"\1.norm2."),
    (r"^(audio_branch\..*)\.intermediate\.dense\.", r"\1.mlp.fc1."),
    (r"^(audio_branch\..*)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"^text_model\.", "text_branch."),
    (r"^(audio|text)_projection\.linear1\.", r"\1_projection.0."),
    (r"^(audio|text)_projection\.linear2\.", r"\1_projection.2."),
)
_PARTS = ("query", "key", "value")
_UNUSED = re.compile(
    r"(audio|text)_transform\.|audio_branch\.(tscam_conv|head|spectrogram_extractor|logmel_extractor)\.|.*\.attn_mask$"
    r"|.*\.relative_position_index$|.*\.position_ids$|.*\.num_batches_tracked$"
)
"""Weights of LAION's model that its embeddings do not use: heads for training, and constants."""
_CONSTANT = re.compile(r".*\.(position_ids|token_type_ids|relative_position_index|num_batches_tracked)$")
"""Constants that transformers computes itself."""


def convert(checkpoint: Path, folder: Path, tokenizer: Path | None = None) -> None:
    """Convert a checkpoint of LAION's CLAP to a folder that `bench.extractors.clap.Clap` reads.

    The architecture is inferred from the shapes of the weights. Weights and parameters must match one to one.

    Args:
        checkpoint: LAION's file: HTSAT of any size with a RoBERTa text model, without feature fusion.
        folder: Where to write; it is made if missing.
        tokenizer: A folder with the tokenizer's files, needed only to embed text; they are copied.

    Raises:
        BenchError: the file cannot be read safely, or is not such a checkpoint; with the weights that do not match.
    """
    from transformers import ClapFeatureExtractor, ClapModel

    state = _state(checkpoint)
    try:
        model = ClapModel(_config(state))
    except (KeyError, IndexError, ValueError) as error:
        raise BenchError(f"{checkpoint}: not a CLAP of HTSAT and RoBERTa ({type(error).__name__}: {error})") from error
    converted, left = _converted(model.state_dict(), state)
    wrong = [f"{name} is missing" for name, value in converted.items() if value is None]
    wrong += [
        f"{name} matches no parameter"
        for name in sorted(left)
        if not _UNUSED.fullmatch(name) and not _UNUSED.match(name)
    ]
    wrong += [
        f"{name} is {tuple(value.shape)}, want {tuple(model.state_dict()[name].shape)}"
        for name, value in converted.items()
        if value is not None and value.shape != model.state_dict()[name].shape
    ]
    if wrong:
        raise BenchError(f"{checkpoint}: cannot be converted: {'; '.join(wrong[:8])}")
    model.load_state_dict(converted)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50, frequency_max=14000).save_pretrained(folder)
    for file in sorted(tokenizer.iterdir()) if tokenizer else []:
        if file.suffix in (".json", ".txt"):
            shutil.copy(file, folder / file.name)


def _state(path: Path) -> dict[str, Any]:
    """Read the weights by name, without the prefix of parallel training, without running code from the file."""
    import numpy as np
    import torch

    # LAION's files also hold numbers of their training, pickled by numpy 1: a type and its bytes, no code.
    scalar: Any = (np.float64().__reduce__()[0], "numpy.core.multiarray.scalar")
    kinds = {type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?")}
    harmless: list[Any] = [np.dtype, scalar, np.float64().__reduce__()[0], *kinds]
    try:
        with torch.serialization.safe_globals(harmless):
            package = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many types for damaged files.
        reason = str(error).strip().splitlines() or ["no reason given"]
        raise BenchError(f"{path}: cannot be read safely ({type(error).__name__}: {reason[0]})") from error
    state = package.get("state_dict", package) if isinstance(package, dict) else None
    if not isinstance(state, dict) or not all(hasattr(value, "shape") for value in state.values()):
        raise BenchError(f"{path}: holds no weights by name")
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    if any("fusion" in name or "mel_conv2d" in name for name in state):
        raise BenchError(f"{path}: is a model with feature fusion; convert one without")
    return state


def _config(state: dict[str, Any]) -> Any:
    """Return the configuration, inferred from the shapes of the weights."""
    from transformers import ClapConfig

    tower, text = "audio_branch", "text_branch"
    n_layers = 1 + max(int(m[1]) for m in (re.match(rf"{tower}\.layers\.(\d+)\.", name) for name in state) if m)
    depths = [
        len({name.split(".")[4] for name in state if name.startswith(f"{tower}.layers.{k}.blocks.")})
        for k in range(n_layers)
    ]
    tables = [state[f"{tower}.layers.{k}.blocks.0.attn.relative_position_bias_table"].shape for k in range(n_layers)]
    words, places = (state[f"{text}.embeddings.{name}_embeddings.weight"].shape for name in ("word", "position"))
    n_text = 1 + max(int(m[1]) for m in (re.match(rf"{text}\.encoder\.layer\.(\d+)\.", name) for name in state) if m)
    width = state["audio_projection.0.weight"].shape[0]
    first = state[f"{tower}.patch_embed.proj.weight"].shape
    audio = {
        "depths": depths, "num_attention_heads": [int(shape[1]) for shape in tables], "num_hidden_layers": n_layers,
        "window_size": round(tables[0][0] ** 0.5 + 1) // 2, "num_mel_bins": len(state[f"{tower}.bn0.weight"]),
        "patch_embeds_hidden_size": first[0], "patch_size": first[2], "hidden_size": len(state[f"{tower}.norm.weight"]),
        "mlp_ratio": state[f"{tower}.layers.0.blocks.0.mlp.fc1.weight"].shape[0] / first[0], "projection_dim": width,
    }  # fmt: skip
    texts = {
        "vocab_size": words[0], "hidden_size": words[1], "max_position_embeddings": places[0],
        "num_hidden_layers": n_text, "num_attention_heads": max(words[1] // 64, 1), "projection_dim": width,
        "type_vocab_size": state[f"{text}.embeddings.token_type_embeddings.weight"].shape[0],
        "intermediate_size": state[f"{text}.encoder.layer.0.intermediate.dense.weight"].shape[0],
    }  # fmt: skip
    return ClapConfig(audio_config=audio, text_config=texts, projection_dim=width)


def _converted(wanted: dict[str, Any], state: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return a weight (or None) for every parameter, and the names of weights that match none."""
    result, used = {}, set()
    for name, made in wanted.items():
        if _CONSTANT.fullmatch(name):
            result[name] = made
            continue
        source, part = _source(name)
        used.add(source)
        value = state.get(source)
        if value is not None and part is not None:
            value = value.chunk(3)[part].clone()
        result[name] = value
    return result, set(state) - used


def _source(name: str) -> tuple[str, int | None]:
    """Return LAION's name for a parameter of transformers, and which third of that weight if it holds three."""
    if name in ("logit_scale_a", "logit_scale_t"):
        return name, None
    part = None
    if name.startswith(_TOWER) and (match := re.search(r"\.attention\.self\.(query|key|value)\.", name)):
        part = _PARTS.index(match[1])
        name = name.replace(match[0], ".attn.qkv.")
    for pattern, new in _RENAMES:
        name = re.sub(pattern, new, name)
    return name, part
