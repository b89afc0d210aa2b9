"""A small MusicGen with random weights, as transformers saves it: text encoder, codec and decoder in one folder."""

from functools import lru_cache
from pathlib import Path

import torch

ENTRIES = 64


@lru_cache(maxsize=1)
def musicgen():
    from transformers import (
        EncodecConfig,
        MusicgenConfig,
        MusicgenDecoderConfig,
        MusicgenForConditionalGeneration,
        T5Config,
    )

    torch.manual_seed(0)
    text = T5Config(vocab_size=32, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    codec = EncodecConfig(
        target_bandwidths=[1.2], sampling_rate=32000, audio_channels=1, normalize=False, use_causal_conv=False,
        upsampling_ratios=[8, 5, 4, 4], num_filters=4, hidden_size=16, num_lstm_layers=1, codebook_size=ENTRIES,
        codebook_dim=16, kernel_size=7, last_kernel_size=7, residual_kernel_size=3, num_residual_layers=1,
    )  # fmt: skip
    decoder = MusicgenDecoderConfig(
        vocab_size=ENTRIES, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, ffn_dim=64,
        max_position_embeddings=64, pad_token_id=ENTRIES, bos_token_id=ENTRIES,
    )  # fmt: skip
    model = MusicgenForConditionalGeneration(
        MusicgenConfig(text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder.to_dict())
    ).eval()
    # Fresh codebooks are all zero, so that every sound would have the same tokens: take entries from encoder outputs.
    with torch.no_grad():
        seen = model.audio_encoder.encoder(torch.randn(1, 1, 32 * 6400) * torch.linspace(0, 1, 32 * 6400))[0].T
        for k, layer in enumerate(model.audio_encoder.quantizer.layers):
            chosen = torch.randperm(len(seen))[:ENTRIES]
            layer.codebook.embed.copy_(seen[chosen] if k == 0 else (seen[chosen] - seen.mean(dim=0)) / 2**k)
    return model


def write_musicgen(folder: Path, **options) -> Path:
    """Save it as `musicgen-small` below `folder`, where $BENCH_WEIGHTS looks for it; return that folder."""
    path = folder / "musicgen-small"
    musicgen().save_pretrained(path, **options)
    return path
