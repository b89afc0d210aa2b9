"""CLAP embedding by a checkpoint of your own, in $BENCH_WEIGHTS/clap-folder, in the format of transformers."""

from bench.clap import WEIGHT_FILES, Clap
from bench.runtime.weights import File, Weights

WEIGHTS = Weights(
    name="clap-folder",
    description="a CLAP checkpoint of your own in the format of transformers",
    licence="yours to know",
    files=(File("config.json", ""), File(WEIGHT_FILES[0], ""), File("preprocessor_config.json", "")),
)


def build() -> Clap:
    """Build it; raises `MissingComponent` where its files are not here."""
    return Clap("clap-folder", WEIGHTS.find("logmel-stats runs without weights"))
