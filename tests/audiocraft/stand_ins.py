"""What audiocraft wants at import and cannot have here: torchaudio's compiled part, and a T5 from the network."""

import sys
import types
from typing import Any
from unittest import mock

import torch

T5_WIDTH = 512


def install() -> None:
    """Let torchaudio be imported beside a CPU torch, for which its wheels hold no compiled part that loads.

    What audiocraft takes of it (resampling, spectrograms) is Python. Must come before transformers is imported, which
    imports torchaudio where it finds it.
    """
    try:
        import torchaudio  # noqa: F401
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stand_in: Any = types.ModuleType("torchaudio._extension")
        stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = stand_in._IS_ALIGN_AVAILABLE = False
        stand_in.fail_if_no_align = lambda function: function
        stand_in._check_cuda_version = lambda: None
        sys.modules["torchaudio._extension"] = stand_in


class Words:
    """In the place of T5's tokenizer: a number a letter, padded, with the end that T5 puts behind every text."""

    def __call__(self, texts: list[str], **_: Any) -> Any:
        from transformers import BatchEncoding

        rows = [[3 + ord(letter) % 60 for letter in text] + [1] for text in texts]
        longest = max(len(row) for row in rows)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return BatchEncoding({"input_ids": ids, "attention_mask": (ids > 0).long()})


def small_t5() -> Any:
    """Patch audiocraft to take a T5 of one layer with random weights for `t5-small`."""
    import audiocraft.modules.conditioners as conditioners
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(7)
    made = T5EncoderModel(T5Config(vocab_size=64, d_model=T5_WIDTH, d_kv=8, d_ff=32, num_layers=1, num_heads=2)).eval()
    return mock.patch.multiple(
        conditioners,
        T5Tokenizer=mock.Mock(from_pretrained=lambda name: Words()),
        T5EncoderModel=mock.Mock(from_pretrained=lambda name: made),
    )
