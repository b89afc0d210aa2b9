"""CLAP embedding trained on sound of all kinds (laion/clap-htsat-unfused; needs `bench setup`)."""

from bench.clap import Clap
from bench.runtime.weights import File, Weights

_HUB = "https://huggingface.co/laion/clap-htsat-unfused/resolve/8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a/"
_FILES = {
    "config.json": "",
    "pytorch_model.bin": "1cd3c601bc4afe0fa87be3de4c13dd2cfadd249fac1e29acf74a9b296c3219bb",
    "preprocessor_config.json": "",
    "vocab.json": "",
    "merges.txt": "",
}
WEIGHTS = Weights(
    name="clap-htsat-unfused",
    description="laion/clap-htsat-unfused, the embedding of clap-htsat-unfused",
    licence="Apache 2.0",
    files=tuple(File(name, _HUB + name, sha256) for name, sha256 in _FILES.items()),
)


def build() -> Clap:
    """Build it; raises `MissingComponent` where its files are not here."""
    return Clap("clap-htsat-unfused", WEIGHTS.find("logmel-stats runs without weights"))
