"""Make weights/musicnn.safetensors, its card and the values of its test from the published wheel of musicnn 0.1.0.

In an environment of its own, since nothing else here needs TensorFlow:

    pip download musicnn==0.1.0 --no-deps
    pip install tensorflow-cpu librosa safetensors pyyaml
    PYTHONPATH=. python benchmarks/musicnn_weights.py musicnn-0.1.0-py3-none-any.whl

The package's own code needs numpy before 1.17, but TensorFlow 2 still reads its checkpoint and its graph. Written are
the variables up to the layer before the tags, without those of the optimiser, in torch's names and axes; and, for the
test, what the published graph returns for two sounds.
"""

import hashlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.formats import dump_yaml
from bench.paths import PACKAGE, write_text
from bench.runtime.tensors import write_tensors

WHEEL = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
FOLDER, LICENCE = "musicnn/MSD_musicnn", "musicnn-0.1.0.dist-info/LICENSE.md"
UNITS = "model/batch_normalization_10/batchnorm/add_1"
LEVELS, IS_TRAINING = "model/Placeholder", "model/Placeholder_2"
RATE, FRAMES, HOP, STRIDE = 16000, 187, 256, 31
NORMS = {
    "batch_normalization": "entry",
    **{f"batch_normalization_{1 + k}": f"vertical.{k}.norm" for k in range(2)},
    **{f"batch_normalization_{3 + k}": f"horizontal.{k}.norm" for k in range(3)},
    **{f"batch_normalization_{6 + k}": f"middle.{k}.norm" for k in range(3)},
    "batch_normalization_9": "pooled",
    "batch_normalization_10": "norm",
}
NORM_PARTS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
FILTERS = {
    "conv2d": "vertical.0",
    "conv2d_1": "vertical.1",
    **{f"conv2d_{2 + k}": f"horizontal.{k}" for k in range(3)},
}
MIDDLE = {f"conv2d_{5 + k}": f"middle.{k}" for k in range(3)}

Values = npt.NDArray[Any]


def sounds() -> dict[str, npt.NDArray[np.float32]]:
    """Return the test's sounds at 16 kHz: a chord with noisy beats of two windows, and white noise of one."""
    rng = np.random.default_rng(20190801)
    time_s = np.arange((FRAMES - 1 + STRIDE) * HOP) / RATE
    chord = sum(0.05 / k * np.sin(2 * np.pi * k * hz * time_s) for hz in (220.0, 277.18, 329.63) for k in range(1, 5))
    beats = 0.2 * rng.standard_normal(len(time_s)) * np.exp(-30 * (time_s % 0.5))
    noise = 0.1 * rng.standard_normal((FRAMES - 1) * HOP)
    return {"music": (chord + beats).astype(np.float32), "noise": noise.astype(np.float32)}


def converted(read: Callable[[str], Values]) -> dict[str, Values]:
    """Return the network's tensors by the names of `bench.extractors.musicnn.network`.

    Args:
        read: Returns a variable of the checkpoint; filters have the axes time, frequency, in, out.
    """
    tensors = {
        f"{ours}.{part}": read(f"{name}/{old}") for name, ours in NORMS.items() for old, part in NORM_PARTS.items()
    }
    for name, ours in FILTERS.items():
        tensors[f"{ours}.conv.weight"] = read(f"{name}/kernel").transpose(3, 2, 0, 1)
    for name, ours in MIDDLE.items():
        tensors[f"{ours}.conv.weight"] = read(f"{name}/kernel")[:, :, 0].transpose(2, 1, 0)
    for name, ours in (FILTERS | MIDDLE).items():
        tensors[f"{ours}.conv.bias"] = read(f"{name}/bias")
    tensors |= {"dense.weight": read("dense/kernel").T, "dense.bias": read("dense/bias")}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in sorted(tensors.items())}


def published_levels(sound: npt.NDArray[np.float32]) -> Values:
    """Return (frames, 96) as the package computes them with librosa 0.7, which mirrored the sound at its ends."""
    import librosa

    power = librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=512, hop_length=HOP, n_mels=96, pad_mode="reflect")
    levels: Values = np.log10(10000 * power.T.astype(np.float16) + 1)
    return levels


def published_units(prefix: Path, windows: Values) -> Values:
    """Return (windows, 200) by the published graph."""
    import tensorflow as tf

    v1 = tf.compat.v1
    meta = v1.MetaGraphDef()
    meta.ParseFromString(prefix.with_suffix(".meta").read_bytes())
    for node in meta.graph_def.node:
        node.attr.pop("_output_shapes", None)  # those of gradients contradict what TensorFlow 2 derives
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(v1.graph_util.extract_sub_graph(meta.graph_def, [UNITS]), name="")
        reader = tf.train.load_checkpoint(str(prefix))
        for node in graph.get_operations():
            if node.type == "VariableV2":
                session.run(v1.raw_ops.Assign(ref=node.outputs[0], value=reader.get_tensor(node.name)))
        feed = {f"{LEVELS}:0": windows.astype(np.float32), f"{IS_TRAINING}:0": False}
        units: Values = session.run(f"{UNITS}:0", feed)
        return units


def card(path: Path, tensors: dict[str, Values], notice: str) -> dict[str, Any]:
    """Return the card of the weight file."""
    return {
        "name": path.stem,
        "description": "The music tagger musicnn (MSD_musicnn) up to the layer before its tags, the default embedding.",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "parameters": sum(value.size for value in tensors.values()),
        "source": f"musicnn 0.1.0 on PyPI, {FOLDER} in the wheel; https://github.com/jordipons/musicnn",
        "source_sha256": WHEEL,
        "made_by": f"benchmarks/{Path(__file__).name}",
        "training_data": "Million Song Dataset, 50 tags of Last.fm; by the authors, not by a recipe of this repository",
        "citation": "Pons and Serra, musicnn: pre-trained convolutional neural networks for music audio tagging, "
        "late-breaking demo, ISMIR 2019 (arXiv 1909.06654)",
        "licence": "ISC, whose notice follows",
        "notice": notice,
    }


def main(wheel: Path) -> None:
    """Write weights, card and the test's values into the clone."""
    import tensorflow as tf

    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL:
        sys.exit(f"{wheel}: is not the published wheel, whose sha256 is {WHEEL}")
    root = PACKAGE.parent
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        prefix = Path(folder) / "ckpt"
        for part in ("index", "meta", "data-00000-of-00001"):
            # The published files have no name before the dot, which TensorFlow 2 does not read.
            Path(f"{prefix}.{part}").write_bytes(archive.read(f"{FOLDER}/.{part}"))
        notice = archive.read(LICENCE).decode().strip()
        tensors = converted(tf.train.load_checkpoint(str(prefix)).get_tensor)
        levels = {name: published_levels(sound) for name, sound in sounds().items()}
        starts = {name: range(0, len(rows) - FRAMES + 1, STRIDE) for name, rows in levels.items()}
        units = {
            name: published_units(prefix, np.stack([rows[k : k + FRAMES] for k in starts[name]]))
            for name, rows in levels.items()
        }
    path = root / "weights" / "musicnn.safetensors"
    write_tensors(path, tensors, {"licence": json.dumps(f"ISC. {notice}")})
    write_text(path.with_suffix(".yaml"), dump_yaml(card(path, tensors, notice)))
    fixture = {f"{name}_levels": rows for name, rows in levels.items()} | {f"{k}_units": v for k, v in units.items()}
    np.savez_compressed(root / "tests" / "extractors" / "musicnn.npz", **fixture)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
