"""CLAP embedding trained on music (laion/larger_clap_music; needs `bench setup clap-music`)."""

from bench.clap import Clap
from bench.weights import File, Weights

_HUB = "https://huggingface.co/laion/larger_clap_music/resolve/main/"
_FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json", "tokenizer.json")
WEIGHTS = Weights(
    name="clap-music",
    description="laion/larger_clap_music, the embedding of clap-music",
    licence="Apache 2.0",
    files=tuple(File(name, _HUB + name) for name in _FILES),
)


def build() -> Clap:
    """Build it; raises `MissingComponent` where its files are not here."""
    return Clap("clap-music", WEIGHTS.find("logmel-stats runs without weights"))
