"""CLAP embedding trained on music (laion/larger_clap_music; needs `bench setup clap-music`)."""

from bench.clap import Clap
from bench.runtime.weights import File, Weights

_HUB = "https://huggingface.co/laion/larger_clap_music/resolve/a0b4534a14f58e20944452dff00a22a06ce629d1/"
_FILES = {
    "config.json": "2d7722d338bb83ea8824272b1431f088954d3425d79eb3c2d39489478516dc03",
    "pytorch_model.bin": "5c289311f4a030d768af7ffbfdecd01b008aa64824211899a4e59f4f9d154fd1",
    "preprocessor_config.json": "9739f58296aa6f9ac18008fd0150fb2649bc554985fbde86d0a4041c882ac753",
    "vocab.json": "ed19656ea1707df69134c4af35c8ceda2cc9860bf2c3495026153a133670ab5e",
    "merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
WEIGHTS = Weights(
    name="clap-music",
    description="laion/larger_clap_music, the embedding of clap-music",
    licence="Apache 2.0",
    files=tuple(File(name, _HUB + name, sha256) for name, sha256 in _FILES.items()),
)


def build() -> Clap:
    """Build it; raises `MissingComponent` where its files are not here."""
    return Clap("clap-music", WEIGHTS.find("logmel-stats runs without weights"))
