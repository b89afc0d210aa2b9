"""CLAP embedding trained on sound of all kinds (laion/clap-htsat-unfused; needs `bench setup`)."""

from bench.clap import Clap
from bench.weights import File, Weights

_HUB = "https://huggingface.co/laion/clap-htsat-unfused/resolve/main/"
_FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json", "tokenizer.json")
WEIGHTS = Weights(
    name="clap-htsat-unfused",
    description="laion/clap-htsat-unfused, the embedding of clap-htsat-unfused",
    licence="Apache 2.0",
    files=tuple(File(name, _HUB + name) for name in _FILES),
)


def build() -> Clap:
    """Build it; raises `MissingComponent` where its files are not here."""
    return Clap("clap-htsat-unfused", WEIGHTS.find("logmel-stats runs without weights"))
