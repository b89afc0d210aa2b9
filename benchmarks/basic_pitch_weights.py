"""Make weights/basic-pitch.safetensors, its card and the values of its test from the published wheel of basic-pitch.

    pip download basic-pitch==0.4.0 --no-deps
    pip install onnx onnxruntime
    PYTHONPATH=. python benchmarks/basic_pitch_weights.py basic_pitch-0.4.0-py2.py3-none-any.whl

The wheel holds the model as ONNX, with which nothing else here works. Written are its constants under the names of
`bench.extractors.basic_pitch.network` and, for the test, what onnxruntime makes of two sounds.
"""

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.formats import dump_yaml
from bench.paths import PACKAGE, write_text
from bench.runtime.tensors import write_tensors

WHEEL = "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0"
MODEL, FOLDER = "basic_pitch/saved_models/icassp_2022/nmp.onnx", "basic_pitch-0.4.0.dist-info"
RATE, WINDOW = 22050, 43844
OUTPUTS = ("StatefulPartitionedCall:2", "StatefulPartitionedCall:1")
"""Onsets and notes."""
CONVOLUTIONS = {
    (32, 8, 5, 5): "onset_1",
    (8, 8, 3, 39): "contour_1",
    (1, 8, 5, 5): "contour_2",
    (32, 1, 7, 7): "note_1",
    (1, 32, 7, 3): "note_2",
    (1, 33, 3, 3): "onset_2",
}
"""Their names by the shape of their weights."""
SQUARE_ROOTS = "model_1/cq_t2010v2_1/Sqrt"
NORM = "model_1/batch_normalization/FusedBatchNormV3"

Values = npt.NDArray[np.float32]


def sounds() -> dict[str, Values]:
    """Return the test's sounds, one window each: four chords of struck tones, and white noise."""
    rng = np.random.default_rng(20220522)
    time_s = np.arange(WINDOW) / RATE
    music = np.zeros(WINDOW)
    for k, root in enumerate((220.0, 261.63, 293.66, 196.0)):
        since = time_s - 0.1 - 0.45 * k
        for hz in (root, 1.25 * root, 1.5 * root):
            tone = sum(0.05 / p * np.sin(2 * np.pi * p * hz * since) for p in range(1, 6))
            music += np.where(since > 0, tone * np.exp(-since / 0.3), 0.0)
    noise = 0.1 * rng.standard_normal(WINDOW)
    return {"music": (music + 0.001 * noise).astype(np.float32), "noise": noise.astype(np.float32)}


def converted(model: bytes) -> dict[str, Values]:
    """Return the network's tensors from the ONNX file."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(model).graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    tensors: dict[str, Any] = {}
    kernels: list[Any] = []
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight, bias = (constants[name] for name in node.input[1:])
        if name := CONVOLUTIONS.get(weight.shape):
            tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}
        elif weight.shape == (1, 1, 1, 256):
            tensors["halving"] = weight[:, :, 0]
        elif not any(np.array_equal(weight, one) for one in kernels):
            kernels.append(weight)
    one_of = {
        part: next(v for n, v in constants.items() if n.endswith(part)) for part in (SQUARE_ROOTS, NORM, f"{NORM}1")
    }
    tensors["kernels"] = np.concatenate(kernels)[:, :, 0]
    tensors["lengths"] = one_of[SQUARE_ROOTS].reshape(-1) ** 2
    tensors |= {"gain": one_of[NORM], "offset": one_of[f"{NORM}1"]}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in sorted(tensors.items())}


def published(model: bytes, sound: Values) -> list[Values]:
    """Return onsets and notes of a window by onnxruntime, (43, 88): every fourth frame, for a small file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    made = session.run(list(OUTPUTS), {session.get_inputs()[0].name: sound[None, :, None]})
    return [values[0, ::4] for values in made]


def card(path: Path, tensors: dict[str, Values], notice: str) -> dict[str, Any]:
    """Return the card of the weight file."""
    return {
        "name": path.stem,
        "description": "Basic Pitch (ICASSP 2022), notes of any instruments; its constants, in torch's order.",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "parameters": sum(value.size for value in tensors.values()),
        "source": f"basic-pitch 0.4.0 on PyPI, {MODEL} in the wheel; https://github.com/spotify/basic-pitch",
        "source_sha256": WHEEL,
        "made_by": f"benchmarks/{Path(__file__).name}",
        "training_data": "MAESTRO, GuitarSet, MedleyDB-Pitch, iKala and Slakh; by the authors, not by a recipe of this "
        "repository",
        "citation": "Bittner et al., A lightweight instrument-agnostic model for polyphonic note transcription and "
        "multipitch estimation, ICASSP 2022",
        "licence": "Apache-2.0, whose notice and text follow; changed: ONNX constants renamed, and kept as safetensors",
        "notice": notice,
    }


def main(wheel: Path) -> None:
    """Write weights, card and the test's values into the clone."""
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL:
        sys.exit(f"{wheel}: is not the published wheel, whose sha256 is {WHEEL}")
    with zipfile.ZipFile(wheel) as archive:
        model = archive.read(MODEL)
        notice = "\n\n".join(archive.read(f"{FOLDER}/{name}").decode().strip() for name in ("NOTICE", "LICENSE"))
    tensors, root = converted(model), PACKAGE.parent
    path = root / "weights" / "basic-pitch.safetensors"
    write_tensors(path, tensors, {"licence": json.dumps(f"Apache-2.0. {notice}")})
    write_text(path.with_suffix(".yaml"), dump_yaml(card(path, tensors, notice)))
    fixture = {}
    for name, sound in sounds().items():
        fixture[f"{name}_onsets"], fixture[f"{name}_notes"] = published(model, sound)
    np.savez_compressed(root / "tests" / "extractors" / "basic_pitch.npz", **fixture)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
