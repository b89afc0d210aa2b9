"""Editing: requests to tokens, tokens to predicted tokens, predicted tokens to sound, the same at every size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bench.air.decoder import Adaptation, Decoder
from bench.air.generate import Sampling, generate, n_generated_steps
from bench.air.memory import fitting
from bench.air.sequence import Layout, prefix_of
from bench.audio import Audio, Samples, is_silent, rms
from bench.example import Request
from bench.mask import FRAME_RATE, Mask
from bench.music.controls import QUIET_RMS
from bench.runtime.executor import progress


class Codec(Protocol):
    """A codec: sound to tokens at 50 Hz and back."""

    sample_rate: int
    books: int
    keeps_phase: bool
    parameters: int

    def encode(self, sounds: list[Samples]) -> Tensor:
        """Return the tokens (B, K, T) of mono sounds of equal length at `sample_rate`."""
        ...

    def decode(self, tokens: Tensor) -> list[Samples]:
        """Return the mono sounds of tokens (B, K, T)."""
        ...


@dataclass(frozen=True)
class Network:
    """A codec, a decoder of its tokens, and an adapter.

    Attributes:
        codec: The codec whose tokens the decoder predicts.
        decoder: The frozen decoder.
        adaptation: The adapter that is applied at run time, or None.
        identity: Names and hashes of all weight files.
        trained: Number of the adapter's parameters.
    """

    codec: Codec
    decoder: Decoder
    adaptation: Adaptation | None
    identity: str
    trained: int = 0

    @property
    def parameters(self) -> int:
        """Parameters of decoder, codec and adapter."""
        return sum(value.numel() for value in self.decoder.parameters()) + self.codec.parameters + self.trained


class Editor:
    """A model that fills holes by predicting the whole excerpt from a prefix; the context is generated anew too.

    The prefix has the song's tokens where it is visible and the control's where it is masked. Before the song is
    encoded, its holes are filled with their mirrored edges, so that the tokens next to a hole are not those of silence.
    Several controls are summed into one track. Rendered controls (chords, piano) are brought to -20 dBFS, the level at
    which adapters are trained; drums keep their level. Where memory is short, batches are smaller; a request's tokens
    stay the same, since each request has random numbers of its own.
    """

    batch_size = 8

    def __init__(self, network: Network, sampling: Sampling, follows: bool = True) -> None:
        """Take the network and the sampling; with `follows=False` silence takes the place of every control."""
        self._network, self._sampling, self._follows = network, sampling, follows
        self.identity = (
            f"{network.identity}, temperature {sampling.temperature:g}, top-k {sampling.top_k}, "
            f"contrast {sampling.contrast:g}, torch {'.'.join(torch.__version__.split('.')[:2])}"
            f"{'' if follows else ', no control'}"
        )
        self.parameters = network.parameters
        self.trainable_parameters = network.trained
        self.keeps_phase = network.codec.keeps_phase

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes; only requests of equal length share a batch."""
        return _by_length(requests, self._made, partial(_batch_size, self._network, self._sampling.contrast != 1))

    def _made(self, requests: list[Request]) -> list[Audio]:
        codec, decoder = self._network.codec, self._network.decoder
        given, silence = given_and_silence(codec, requests)
        control = silence
        if self._follows and any(r.controls for r in requests):
            control = codec.encode([sound_of(control_track(r), r, codec) for r in requests])
        flags = np.stack([request.mask.inside(FRAME_RATE) for request in requests])
        masked = torch.from_numpy(flags).to(given.device)
        types = Layout(given.shape[2], codec.books).types(flags).to(given.device)
        with progress("making tokens", n_generated_steps(given.shape[2], codec.books)) as step:
            tokens = generate(
                decoder,
                prefix_of(given, control, masked),
                types,
                self._network.adaptation,
                self._sampling,
                [request.seed for request in requests],
                without=prefix_of(given, silence, masked) if self._sampling.contrast != 1 else None,
                step_done=step,
            )
        return outputs_of(codec, tokens, requests)


class Continuer:
    """A model that fills a hole by continuing the song before it with the frozen decoder; it does not see what follows.

    After a hole the song's own tokens follow, and the continuation in a later hole sees them.
    """

    batch_size = 8

    def __init__(self, network: Network, sampling: Sampling) -> None:
        """Take a network without adaptation and the sampling."""
        self._network, self._sampling = network, sampling
        self.identity = (
            f"{network.identity}, continues, temperature {sampling.temperature:g}, top-k {sampling.top_k}, "
            f"torch {'.'.join(torch.__version__.split('.')[:2])}"
        )
        self.parameters, self.trainable_parameters = network.parameters, 0
        self.keeps_phase = network.codec.keeps_phase

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes; only requests of equal length share a batch."""
        return _by_length(requests, self._made, partial(_batch_size, self._network, False))

    def _made(self, requests: list[Request]) -> list[Audio]:
        codec, decoder = self._network.codec, self._network.decoder
        given, silence = given_and_silence(codec, requests)
        visible = ~np.stack([request.mask.inside(FRAME_RATE) for request in requests])
        with progress("making tokens", n_generated_steps(given.shape[2], codec.books)) as step:
            tokens = generate(
                decoder,
                silence,
                None,
                None,
                self._sampling,
                [request.seed for request in requests],
                forced=(given, torch.from_numpy(visible).to(given.device)),
                step_done=step,
            )
        return outputs_of(codec, tokens, requests)


def given_and_silence(codec: Codec, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
    """Return the tokens (B, K, T) of the visible song of requests of equal length, and those of silence."""
    shown = [sound_of(without_holes(r.masked.mono, r.mask, r.masked.sample_rate), r, codec) for r in requests]
    return codec.encode(shown), codec.encode([np.zeros_like(sound) for sound in shown])


def control_track(request: Request) -> Samples:
    """Return the sum of a request's controls, drums as they are, others at -20 dBFS; without controls, silence."""
    total = np.zeros(request.masked.n_samples, dtype=np.float32)
    for kind, control in request.controls.items():
        sound = control.audio.mono
        if kind != "drums" and not is_silent(sound):
            sound = sound * np.float32(QUIET_RMS / rms(sound))
        total += sound
    return total


def without_holes(samples: Samples, mask: Mask, sample_rate: int) -> Samples:
    """Return the sound with the edges of each hole mirrored into it, and 0 in the rest of the hole.

    At most 0.3 s are mirrored, no more than the context next to the hole has, and at most up to the hole's middle. The
    values of `samples` inside the holes are never read.
    """
    filled, longest = samples.copy(), round(0.3 * sample_rate)
    filled[mask.inside(sample_rate)] = 0
    step = sample_rate // FRAME_RATE
    edges = [0, *(edge * step for hole in mask.holes for edge in hole), len(samples)]
    for k, (first, last) in enumerate(mask.holes):
        start, end = first * step, last * step
        before, after = start - edges[2 * k], edges[2 * k + 3] - end
        half = (end - start) // 2
        n = min(longest, before, half)
        filled[start : start + n] = samples[start - n : start][::-1]
        n = min(longest, after, half)
        filled[end - n : end] = samples[end : end + n][::-1]
    return filled


def sound_of(samples: Samples, request: Request, codec: Codec) -> Samples:
    """Return samples of a request resampled to the codec's rate, cut or padded to the request's frames."""
    sound = Audio(samples, request.masked.sample_rate).resampled(codec.sample_rate).mono
    n = _n_samples(request, codec)
    return np.pad(sound[:n], (0, max(n - len(sound), 0)))


def outputs_of(codec: Codec, tokens: Tensor, requests: Sequence[Request]) -> list[Audio]:
    """Decode tokens (B, K, T) into outputs with the requests' sample rate and exact length."""
    outputs = []
    for sound, request in zip(codec.decode(tokens), requests, strict=True):
        audio = Audio(sound, codec.sample_rate).resampled(request.masked.sample_rate).mono
        n = request.masked.n_samples
        outputs.append(Audio(np.pad(audio[:n], (0, max(n - len(audio), 0))), request.masked.sample_rate))
    return outputs


def _n_samples(request: Request, codec: Codec) -> int:
    return request.mask.n_frames * codec.sample_rate // FRAME_RATE


def _batch_size(network: Network, is_contrasted: bool, n_frames: int) -> int:
    """Return the batch size for requests of a length: as many as fit into free memory, at most 8."""
    norm = network.decoder.layer_norm.weight
    dtype = str(norm.dtype).removeprefix("torch.")
    return fitting(network.decoder.config, dtype, n_frames, Editor.batch_size, is_contrasted, norm.device.type)


def _by_length(
    requests: Sequence[Request], make: Callable[[list[Request]], list[Audio]], batch_size: Callable[[int], int]
) -> list[Audio]:
    """Return an output per request, made in batches of requests of equal length."""
    outputs: dict[int, Audio] = {}
    for length in sorted({request.mask.n_frames for request in requests}):
        chosen, size = [k for k, request in enumerate(requests) if request.mask.n_frames == length], batch_size(length)
        for part in (chosen[k : k + size] for k in range(0, len(chosen), size)):
            outputs.update(zip(part, make([requests[k] for k in part]), strict=True))
    return [outputs[k] for k in range(len(requests))]
