"""Published MusicGen: where to download its files, with pinned revisions, and how to find and read a folder's tensors.

A folder is a copy of `facebook/musicgen-*` from the hub, or as transformers' `save_pretrained` writes it. Revisions and
hashes are copied from the hub's pages of these files: huggingface.co/facebook/musicgen-*/blob/....
"""

import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.runtime.weights import File, Weights, sha256_of

LICENCE = "code MIT, weights CC BY-NC 4.0 (non-commercial)"
_PATTERNS = ("model*.safetensors", "pytorch_model*.bin")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")


class Folder(Weights):
    """A transformers folder with the published files, or with other files that hold the same tensors."""

    def is_here(self) -> bool:
        """Return whether config.json and all tensor files exist; no file is read."""
        try:
            return (self.folder / "config.json").is_file() and bool(tensor_files(self.folder))
        except BenchError:
            return False

    def fetch(self) -> None:
        """Download missing files, unless the folder has a complete copy of its own; raises like `Weights.fetch`."""
        if not self.is_here():
            super().fetch()


def _musicgen(size: str, revision: str, size_gb: float, files: dict[str, str]) -> Folder:
    url = f"https://huggingface.co/facebook/musicgen-{size}/resolve/{revision}"
    return Folder(
        f"musicgen-{size}",
        f"facebook/musicgen-{size} with its EnCodec, what {size} systems are made of",
        LICENCE,
        tuple(File(name, f"{url}/{name}", sha256) for name, sha256 in {"config.json": "", **files}.items()),
        size_gb,
    )


MUSICGEN = {
    "small": _musicgen(
        "small", "4c8334b02c6ec4e8664a91979669a501ec497792", 2.36,
        {"model.safetensors": "1bdc99d43eb6c775967df24b65b0a9f847c0907e95664698d93b5a1c35f5090d"},
    ),
    "medium": _musicgen(
        "medium", "f910df651fc7fb070ae3d4ecb8edb8a74c932807", 8.04,
        {"pytorch_model.bin": "b51b0ec25096748bb9a86bf37e41b487024ab2b7077d26cc9e007525f47cd189"},
    ),
    "large": _musicgen(
        "large", "037a9f5a2a8a44bd6eaa38b1171f6fdfb1b0b1a9", 13.72,
        {
            "model-00001-of-00002.safetensors": "68dc51f31cc32ac52923991ec5b5a2af1d988216db0f59e9bc927a6173b0470f",
            "model-00002-of-00002.safetensors": "3d90f2289444f7fd73cdf534ed6e74be1cb6a634e3aa25ea57847b391b032d2f",
        },
    ),
}  # fmt: skip
ADAPTERS = Weights(
    "air",
    "adapters of air on MusicGen-large; the authors' (m = 10) are linked in the README of github.com/Kikyo-16/airgen",
    "code MIT, made beside weights of CC BY-NC 4.0 (non-commercial)",
    tuple(
        File(f"air-large-{control}.pth", "", also=f"air-large-{control}.safetensors")
        for control in ("drums", "chords", "piano")
    ),
)


def tensor_files(folder: Path) -> list[Path]:
    """Return a folder's tensor files: `model*.safetensors`, else `pytorch_model*.bin`.

    Raises:
        BenchError: there are none, or one of several shards is missing.
    """
    files: list[Path] = next((paths for p in _PATTERNS if (paths := sorted(folder.glob(p)))), [])
    if not files:
        raise BenchError(
            f"{folder}: holds no {' or '.join(_PATTERNS)}; save the model with transformers' save_pretrained"
        )
    shards = [match for path in files if (match := _SHARD.search(path.stem))]
    if shards and len(shards) < (n := int(shards[0][2])):
        present = {int(match[1]) for match in shards}
        missing = next(k for k in range(1, n + 1) if k not in present)
        name = files[0].name.replace(shards[0][0], f"-{missing:05d}-of-{n:05d}")
        raise BenchError(f"{folder / name}: missing, one of {n} files; get it again")
    return files


def read_tensor_file(path: Path) -> dict[str, Any]:
    """Return a file's tensors by name, without executing any pickled code.

    Raises:
        BenchError: the file is missing, damaged, or holds other things than tensors by name.
    """
    import torch
    from safetensors.torch import load_file

    is_pickle = path.suffix == ".bin"
    how = "with weights only" if is_pickle else "as safetensors"
    try:
        # Memory-mapped where the format allows it: the gigabytes of the text encoder are not needed.
        mapped = is_pickle and zipfile.is_zipfile(path)
        load = partial(torch.load, map_location="cpu", weights_only=True, mmap=mapped) if is_pickle else load_file
        state = load(str(path))
    except Exception as error:  # damaged files break the readers in many ways
        # torch's own message advises reading the file unsafely; the unpickler's reason is the exception's context.
        reason = " ".join(str(error.__context__ or error).split()).partition(" Please ")[0][:200]
        raise BenchError(f"{path}: cannot be read {how} ({reason}); get it again") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BenchError(f"{path}: holds no tensors by name; get it again")
    return {str(name): value for name, value in state.items()}


def identity_of(folder: Path) -> str:
    """Return the first 8 digits of the sha256 of each tensor file, joined by +; raises like `tensor_files`."""
    return "+".join(sha256_of(path)[:8] for path in tensor_files(folder))
