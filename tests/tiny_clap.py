"""A tiny random CLAP checkpoint in the format of transformers."""

from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizerFast


def write_tiny_clap(folder: Path, enable_fusion: bool = False, seed: int = 0) -> Path:
    """Write model, front end and tokenizer; a few hundred thousand random parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        ["a piano plays over drums"] * 4, 300, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    bpe.save_model(str(folder))
    RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    torch.manual_seed(seed)
    audio = {
        "window_size": 8, "num_mel_bins": 64, "spec_size": 256, "patch_size": 4, "patch_embeds_hidden_size": 16,
        "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "hidden_size": 128, "enable_fusion": enable_fusion,
        "projection_dim": 24, "aff_block_r": 2, "mlp_ratio": 1.0,
    }  # fmt: skip
    text = {
        "vocab_size": 400, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 90, "projection_dim": 24,
    }  # fmt: skip
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
    ClapModel(config).eval().save_pretrained(folder)
    ClapFeatureExtractor(truncation="fusion" if enable_fusion else "rand_trunc").save_pretrained(folder)
    return folder
