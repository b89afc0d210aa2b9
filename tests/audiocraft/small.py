"""A small MusicGen of audiocraft, with the published configuration but for its sizes, and random weights."""

from pathlib import Path
from typing import Any

import torch

from bench.air.decoder import Config

CONFIG = Config(64, 3, 4, 256, 4, 64)
SEGMENT_S = 30


def keys(is_efficient: bool = True) -> dict[str, Any]:
    """Return the language model's configuration, as `xp.cfg` holds it."""
    return {
        "device": "cpu", "dtype": "float32", "lm_model": "transformer_lm", "dataset": {"segment_duration": SEGMENT_S},
        "transformer_lm": {
            "n_q": 4, "card": 64, "dim": 64, "num_heads": 4, "num_layers": 3, "hidden_scale": 4, "causal": True,
            "norm_first": True, "norm": "layer_norm", "activation": "gelu", "bias_ff": False, "bias_attn": False,
            "bias_proj": False, "dropout": 0.1, "emb_lr": None, "weight_init": "gaussian", "depthwise_init": "current",
            "zero_bias_init": True, "layer_scale": None, "positional_embedding": "sin", "xpos": False,
            "custom": not is_efficient, "memory_efficient": is_efficient, "attention_as_float32": False,
            "past_context": None, "checkpointing": "none", "cross_attention": False, "qk_layer_norm": False,
        },
        "codebooks_pattern": {
            "modeling": "delay", "delay": {"delays": [0, 1, 2, 3], "flatten_first": 0, "empty_initial": 0}
        },
        "fuser": {
            "cross": ["description"], "sum": [], "prepend": [], "input_interpolate": [],
            "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1,
        },
        "conditioners": {"description": {"model": "t5", "t5": {"name": "t5-small", "finetune": False}}},
        "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0}, "attribute_dropout": {},
    }  # fmt: skip


def codec_keys() -> dict[str, Any]:
    """Return the codec's configuration: 32 kHz, 50 frames a second."""
    return {
        "device": "cpu", "compression_model": "encodec",
        "encodec": {
            "autoencoder": "seanet", "quantizer": "rvq", "sample_rate": 32000, "channels": 1, "causal": False,
            "renormalize": False,
        },
        "seanet": {
            "channels": 1, "dimension": 16, "n_filters": 2, "n_residual_layers": 1, "ratios": [8, 5, 4, 4],
            "norm": "weight_norm", "lstm": 1, "encoder": {}, "decoder": {},
        },
        "rvq": {"n_q": 4, "bins": 64, "kmeans_init": False, "q_dropout": False},
    }  # fmt: skip


def far_from_its_beginning(model: Any) -> Any:
    """Move norms and biases apart: as they begin they are all alike, which would hide two of them exchanged."""
    with torch.no_grad():
        for value in model.parameters():
            if value.dim() == 1:
                value.add_(0.2 * torch.randn_like(value))
    return model.eval()


def language_model(is_efficient: bool = True, seed: int = 0) -> Any:
    """Return a language model."""
    from audiocraft.models import builders
    from omegaconf import OmegaConf

    torch.manual_seed(seed)
    return far_from_its_beginning(builders.get_lm_model(OmegaConf.create(keys(is_efficient))))


def write_musicgen(folder: Path) -> Any:
    """Write a MusicGen as audiocraft's export does, two files; return its language model."""
    from audiocraft.models import builders
    from omegaconf import OmegaConf

    model = language_model()
    torch.manual_seed(1)
    codec = builders.get_compression_model(OmegaConf.create(codec_keys())).eval()
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"state_dict.bin": (model, keys()), "compression_state_dict.bin": (codec, codec_keys())}
    for name, (part, said) in parts.items():
        about = {"xp.cfg": OmegaConf.to_yaml(OmegaConf.create(said)), "version": "1.3.0", "exported": True}
        torch.save({"best_state": part.state_dict(), **about}, folder / name)
    return model
