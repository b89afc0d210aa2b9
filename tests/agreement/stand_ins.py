"""Stand-ins for what laion-clap and frechet-audio-distance want at import and nothing compared here uses.

Both ask the network for tokenizers and a text model while they are imported, and for torchvision, torchaudio and encodec,
whose wheels do not load beside a CPU torch. The audio tower, its front end and the distance are their own code.
"""

import importlib.machinery
import sys
import types
from typing import Any
from unittest import mock


class _Anything:
    """Answers to any name and any call."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> "_Anything":
        return self

    def __getattr__(self, name: str) -> "_Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    module.__getattr__ = lambda attribute: _Anything  # type: ignore[method-assign, assignment]
    return module


def install() -> None:
    """Import laion_clap and frechet_audio_distance with the stand-ins in place, and take them away again."""
    import transformers
    from transformers import RobertaConfig, RobertaModel

    names = [
        "torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.ops", "torchvision.ops.misc",
        "torchaudio", "torchaudio.functional", "encodec", "encodec.utils", "wandb",
    ]  # fmt: skip
    absent = [name for name in names if name not in sys.modules]
    tiny = RobertaConfig(
        vocab_size=200, num_hidden_layers=1, hidden_size=768, num_attention_heads=2, intermediate_size=32
    )
    text = lambda *_, **__: RobertaModel(tiny)  # noqa: E731
    tokenizers = [getattr(transformers, f"{kind}Tokenizer") for kind in ("Bert", "Roberta", "Bart")]
    for name in absent:
        sys.modules[name] = _module(name)
    try:
        with mock.patch.object(RobertaModel, "from_pretrained", text):
            patches = [mock.patch.object(one, "from_pretrained", lambda *_, **__: _Anything()) for one in tokenizers]
            for patch in patches:
                patch.start()
            try:
                import frechet_audio_distance.fad  # noqa: F401
                import laion_clap  # noqa: F401
            finally:
                for patch in patches:
                    patch.stop()
    finally:
        for name in absent:
            del sys.modules[name]


def laion_model(amodel: str, seed: int = 0) -> Any:
    """Return LAION's own model with random weights; its text model is one small layer, which nothing here reads."""
    install()
    import torch
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    import laion_clap  # isort: skip

    torch.manual_seed(seed)
    tiny = RobertaConfig(
        vocab_size=200, num_hidden_layers=1, hidden_size=768, num_attention_heads=12, intermediate_size=32
    )
    text = mock.patch.object(RobertaModel, "from_pretrained", lambda *_, **__: RobertaModel(tiny))
    tokens = mock.patch.object(RobertaTokenizer, "from_pretrained", lambda *_, **__: None)
    with text, tokens:
        made = laion_clap.CLAP_Module(enable_fusion=False, amodel=amodel, device="cpu")
    # Freshly made norms and biases are all alike, which would hide two of them exchanged.
    with torch.no_grad():
        for name, value in made.model.named_parameters():
            if value.dim() == 1 and "logit" not in name:
                value.add_(0.05 * torch.randn_like(value))
        norm = made.model.audio_branch.bn0
        norm.running_mean.uniform_(-30, -10)
        norm.running_var.uniform_(50, 300)
    return made
