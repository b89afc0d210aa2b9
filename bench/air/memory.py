"""Memory: compute what a decoder will need before anything is loaded, and refuse in one line what does not fit.

All figures follow from the configuration. Weights and cache are exact, from shapes on torch's meta device; working
memory is an estimate. `tests/air/test_memory.py` compares both with what is allocated.
"""

from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

from bench.air.decoder import MUSICGEN, Config, Decoder
from bench.errors import BenchError
from bench.runtime.device import free_bytes

N_FRAMES = 750
"""Frames of an excerpt of 15 s."""
_BYTES = {"float32": 4, "bfloat16": 2}
_FLOAT32, _GB = 4, 1e9
_SAMPLES_A_FRAME = 640
CUDA_WORKSPACE = 128 * 2**20
"""What CUDA's matrix products hold: on an H200, generating took 140 MB more than its tensors, at batch 1 and at 8."""
ENCODEC: dict[str, Any] = {
    "sampling_rate": 32000, "audio_channels": 1, "normalize": False, "use_causal_conv": False, "num_filters": 64,
    "hidden_size": 128, "upsampling_ratios": [8, 5, 4, 4], "num_lstm_layers": 2, "codebook_size": 2048,
    "codebook_dim": 128, "target_bandwidths": [2.2], "use_conv_shortcut": False,
}  # fmt: skip
"""Configuration of MusicGen's codec at all sizes (arXiv 2306.05284, section 3.1), as in transformers' encodec_32khz."""


@dataclass(frozen=True)
class Need:
    """Peak memory in bytes for generating tokens and decoding them.

    Attributes:
        weights: Decoder and adapter.
        side_by_side: Copies of matrices, concatenated for single steps.
        cache: Keys and values of all steps and prompts.
        work: Working memory besides these.
        codec: The codec's weights.
    """

    weights: int
    side_by_side: int
    cache: int
    work: int
    codec: int = 0

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(astuple(self))

    def __str__(self) -> str:
        """Format the parts in units of 10^9 bytes."""
        parts = {"weights": self.weights + self.side_by_side, "keys and values": self.cache, "arithmetic": self.work}
        return ", ".join(f"{name} {n / _GB:.1f}" for name, n in {**parts, "codec": self.codec}.items() if n)


def needed(
    config: Config,
    dtype: str = "float32",
    batch: int = 1,
    n_frames: int = N_FRAMES,
    *,
    m: int = 50,
    is_contrasted: bool = False,
    has_codec: bool = True,
    device: str = "cpu",
) -> Need:
    """Return what a batch of requests needs.

    Args:
        config: The decoder's sizes.
        dtype: `float32` or `bfloat16`, of decoder and cache.
        batch: Number of requests.
        n_frames: T, frames of an excerpt.
        m: Prompt vectors per layer and type of frame.
        is_contrasted: Whether every request is run twice, with its control and without.
        has_codec: Whether MusicGen's EnCodec is loaded too.
        device: `cpu` or `cuda`: a CPU runs the prefix request by request.
    """
    size, rows = _BYTES[dtype], batch * (2 if is_contrasted else 1)
    n_beside, n_steps = 2 * m, 2 * n_frames + config.books - 1
    cache = config.depth * 2 * rows * (n_beside + n_steps) * config.width * size
    adapter = config.depth * 4 * (m * config.width + 1) * _FLOAT32
    prompts = config.depth * 4 * m * config.width * 2 * size
    side_by_side = config.depth * 3 * config.width**2 + config.books * (2 * config.entries + 1) * config.width
    at_once = rows if device == "cuda" else 1
    prefix = at_once * (n_frames + 1) * (7 * config.width + 2 * config.ffn + 3 * config.heads * 4 * m)
    places = (rows if config.is_mini else 1) * n_steps * config.width
    step = rows * config.books * config.entries * (3 * 8 + 2 * _FLOAT32)
    work = (prefix + places) * size + step + (CUDA_WORKSPACE if device == "cuda" else 0)
    # Tokens are decoded after cache and copies are freed.
    sound = _codec_work(n_frames) - cache - side_by_side * size if has_codec else 0
    return Need(
        parameters(config) * size + adapter + prompts,
        side_by_side * size,
        cache,
        max(work, sound),
        _codec_parameters() * _FLOAT32 if has_codec else 0,
    )


@lru_cache
def parameters(config: Config) -> int:
    """Return the number of a decoder's parameters, counted on the meta device."""
    import torch

    with torch.device("meta"):
        return sum(value.numel() for value in Decoder(config).parameters())


def fitting(config: Config, dtype: str, n_frames: int, most: int, is_contrasted: bool, device: str) -> int:
    """Return the largest batch of requests of one length that fits into free memory, from 1 to `most`.

    The weights count as loaded already.
    """
    left = free_bytes(device)
    if left is None:
        return most
    for batch in range(most, 1, -1):
        need = needed(config, dtype, batch, n_frames, is_contrasted=is_contrasted, has_codec=False, device=device)
        if need.total - need.weights <= left:
            return batch
    return 1


@dataclass(frozen=True)
class Room:
    """The memory that requests of 15 s need, and the memory that is free.

    Attributes:
        need: What the batch needs.
        free: Free bytes; None if unknown.
        device: `cpu` or `cuda`.
        batch: Number of requests.
    """

    need: Need
    free: int | None
    device: str
    batch: int = 1

    @property
    def is_enough(self) -> bool:
        """Whether the batch fits; true if the free memory is unknown."""
        return self.free is None or self.need.total <= self.free

    def __str__(self) -> str:
        """Format need, its parts and free memory in units of 10^9 bytes."""
        what = "for one request" if self.batch == 1 else f"at batch {self.batch}"
        free = "" if self.free is None else f", {self.free / _GB:.1f} GB are free"
        return f"needs about {self.need.total / _GB:.1f} GB on {self.device} {what} of 15 s ({self.need}){free}"


def room(config: Config, dtype: str, device: str, batch: int = 1, is_contrasted: bool = False) -> Room:
    """Compare what requests of 15 s need, weights included, with free memory; see `needed` for the arguments."""
    need = needed(config, dtype, batch, is_contrasted=is_contrasted, device=device)
    return Room(need, free_bytes(device), device, batch)


def refuse_if_too_big(name: str, config: Config, dtype: str, device: str) -> None:
    """Raise unless one request of 15 s fits into free memory.

    Args:
        name: What is to be loaded, e.g. `musicgen-large`.
        config: Its sizes.
        dtype: `float32` or `bfloat16`.
        device: `cpu` or `cuda`.

    Raises:
        BenchError: it does not fit; the message names precisions or sizes that would.
    """
    asked = room(config, dtype, device)
    if asked.is_enough:
        return
    half, ways = needed(config, "bfloat16", device=device), []
    if dtype == "float32" and half.total <= (asked.free or 0):
        ways.append(f"precision bfloat16 ({half.total / _GB:.1f} GB)")
    smaller = [size for size, other in MUSICGEN.items() if other.width < config.width]
    fitting_sizes = [size for size in smaller if room(MUSICGEN[size], dtype, device).is_enough]
    ways += [f"the size {size}" for size in fitting_sizes[-1:]]
    raise BenchError(f"{name} {asked}: take {' or '.join([*ways, 'a device with more'])}")


def learning(config: Config, dtype: str, m: int, batch: int, n_frames: int = N_FRAMES) -> int:
    """Return the peak memory in bytes of one step of training prompts on a GPU, everything else being frozen.

    The sum of: CUDA's workspace; the decoder; prompts with their gradients and AdamW's two moments; activations kept
    for the gradient (in bfloat16, with torch's own attention, which keeps no scores of the sequence); and a tenth of
    those for temporary tensors. A frozen matrix needs no inputs kept.

    Args:
        config: The decoder's sizes.
        dtype: Of the decoder.
        m: Prompt vectors per layer and type of frame.
        batch: Excerpts per step.
        n_frames: T, frames of an excerpt.
    """
    d, heads, columns = config.width, config.heads, 4 * m
    steps = batch * (2 * n_frames + config.books - 1)
    layer = steps * (14 * d + 2 * config.ffn + heads * (4 * columns + 16)) + 8 * columns * d
    scores = _FLOAT32 * batch * (n_frames + config.books - 1) * config.books * config.entries
    # The first layer's input has no gradient and is not kept for the normalisations.
    kept = config.depth * layer - 8 * steps * d + scores
    trained = config.depth * 4 * (m * d + 1)
    return CUDA_WORKSPACE + parameters(config) * _BYTES[dtype] + 4 * _FLOAT32 * trained + kept + kept // 10


def refuse_training_if_too_big(name: str, config: Config, dtype: str, m: int, batch: int, n_frames: int) -> None:
    """Raise `BenchError` unless a training step fits into the GPU's free memory; see `learning`."""
    left, need = free_bytes("cuda"), learning(config, dtype, m, batch, n_frames)
    if left is not None and need > left:
        raise BenchError(
            f"training on {name} needs about {need / _GB:.1f} GB on cuda at batch {batch} of {n_frames / 50:g} s (one "
            f"excerpt {learning(config, dtype, m, 1, n_frames) / _GB:.1f}), {left / _GB:.1f} GB are free: take a "
            "smaller batch, shorter excerpts, or a smaller size"
        )


@lru_cache
def _codec_parameters() -> int:
    import torch
    from transformers import EncodecConfig, EncodecModel

    with torch.device("meta"):
        return sum(value.numel() for value in EncodecModel(EncodecConfig(**ENCODEC)).parameters())


def _codec_work(n_frames: int) -> int:
    """Return EnCodec's peak memory in bytes for a sound, as 8 maps of all its filters at the full sample rate.

    Its tensors are 4.5 such maps. Convolutions copy some of them into the memory order that suits the processor: 1.2
    more maps were measured with SSE4.1, 2.7 with AVX-512 and 4 with AVX2.
    """
    return 8 * n_frames * _SAMPLES_A_FRAME * int(ENCODEC["num_filters"]) * _FLOAT32
