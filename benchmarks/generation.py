"""How fast tokens are made, against transformers and a plain loop in the same run.

`PYTHONPATH=. python benchmarks/generation.py [--shape mini|large|tiny] [--device cpu|cuda] [--dtype float32|bfloat16]
[--batch N ...] [--frames T] [--repeats N] [--compile] [--json]`

Random weights, the same for all; a prefix of T frames, then T frames of the likeliest tokens of 4 books. The runs take
turns and medians are compared. transformers' `generate` with its cache knows no prompts and is compared with ours
without; the plain loop (`benchmarks/plain_loop.py`) is compared with ours with 10 prompts a layer and type. In float32
all must give the same tokens. On a GPU a step is also compared with the time that it takes to read the weights and the
keys and values it needs, at the bandwidth of a copy measured there.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from bench.runtime.executor import bound_threads

bound_threads()

import torch  # noqa: E402
from plain_loop import PlainLoop  # noqa: E402
from torch import Tensor  # noqa: E402

from bench.air.adapter import Prompts  # noqa: E402
from bench.air.decoder import MUSICGEN, Config, Decoder  # noqa: E402
from bench.air.generate import Sampling, generate, n_generated_steps  # noqa: E402
from bench.air.sequence import Layout  # noqa: E402
from bench.runtime.device import chosen, forget_peak, hardware, peak_mib  # noqa: E402

SHAPES = {"tiny": Config(32, 2, 4, 64, 4, 64), "mini": Config(192, 6, 4, 768, 4, 512), **MUSICGEN}
N_PROMPTS, GOAL, FLOOR_GOAL = 10, 3.0, 1.5
GREEDY = Sampling(temperature=0)
Work = Callable[[Callable[[], None]], Tensor]


@dataclass
class Speed:
    """What one way of generating took.

    Attributes:
        batch: Requests.
        name: Which way.
        seconds: The median of all calls.
        step_ms: The median of the medians of single steps; of one request where requests are made one by one.
        tokens_per_s: Of all books and requests.
        peak_mib: What the call held at most: on a CPU the process, on a GPU its tensors.
        against: The way that it is compared with, if any.
        times_faster: Seconds of the other over its own.
        same_tokens: Share of tokens that are the other's.
        over_floor: A step over the time in which its bytes can be read; only on a GPU.
    """

    batch: int
    name: str
    seconds: float
    step_ms: float
    tokens_per_s: float
    peak_mib: float
    against: str = ""
    times_faster: float | None = None
    same_tokens: float | None = None
    over_floor: float | None = None


@dataclass
class Clock:
    """Calls of one piece of work."""

    work: Work
    device: str
    seconds: list[float] = field(default_factory=list)
    steps_ms: list[float] = field(default_factory=list)
    tokens: Tensor | None = None
    peak_mib: float = 0.0

    def call(self) -> None:
        """Do it once more."""
        stamps: list[Any] = []
        forget_peak(self.device)
        started = time.perf_counter()
        self.tokens = self.work(lambda: stamps.append(_stamp(self.device)))
        if self.device == "cuda":
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - started)
        self.peak_mib = max(self.peak_mib, peak_mib(self.device))
        gaps = pairwise(stamps)
        self.steps_ms.append(statistics.median(_between_ms(first, second) for first, second in gaps))


def _stamp(device: str) -> Any:
    if device == "cpu":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between_ms(first: Any, second: Any) -> float:
    return 1000 * (second - first) if isinstance(first, float) else float(first.elapsed_time(second))


def decoder_of(config: Config, device: str, dtype: torch.dtype) -> Decoder:
    """Return a decoder with random weights, built where it will be."""
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return Decoder(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)


def prompts_of(config: Config, device: str) -> Prompts:
    """Return prompts with open gates."""
    torch.manual_seed(1)
    made = Prompts(config, N_PROMPTS)
    torch.nn.init.constant_(made.gates, 0.5)
    return made.to(device).eval().requires_grad_(False)


def transformers_of(decoder: Decoder) -> Any:
    """Return transformers' model around the very same tensors."""
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    sizes, like = decoder.config, decoder.layer_norm.weight
    config = MusicgenDecoderConfig(
        vocab_size=sizes.entries,
        hidden_size=sizes.width,
        num_hidden_layers=sizes.depth,
        num_attention_heads=sizes.heads,
        ffn_dim=sizes.ffn,
        num_codebooks=sizes.books,
        pad_token_id=sizes.pad,
        bos_token_id=sizes.pad,
        decoder_start_token_id=sizes.pad,
    )
    with torch.device("meta"):
        model = MusicgenForCausalLM(config)
    model = model.to(like.dtype).to_empty(device=like.device)
    own = {
        (name if name.startswith("lm_heads") else f"model.decoder.{name}"): v
        for name, v in decoder.state_dict().items()
    }
    missing, surplus = model.load_state_dict(own, strict=False, assign=True)
    assert not surplus and all("encoder_attn" in name or "embed_positions" in name for name in missing), missing
    table = model.model.decoder.embed_positions
    table.make_weights(2048, sizes.width)
    table.weights = table.weights.to(like)
    return model.eval()


def with_transformers(model: Any, prefix: Tensor) -> Work:
    """Return its generation from a prefix.

    transformers 5 gives the decoder the last step alone as soon as there is a cache, so that a prompt would be lost;
    the prompt is run into the cache before `generate` goes on from it.
    """
    from transformers import DynamicCache, EncoderDecoderCache

    batch, books, n_frames = prefix.shape
    pad, n = model.config.pad_token_id, Layout(n_frames, books).n_steps + 1
    inputs = torch.cat([torch.full_like(prefix[..., :1], pad), prefix], dim=2).flatten(0, 1)

    def work(step_done: Callable[[], None]) -> Tensor:
        def told(_: Tensor, scores: Tensor) -> Tensor:
            step_done()
            return scores

        cache = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
        with torch.inference_mode():
            shown = model.build_delay_pattern_mask(inputs, pad, n)[0]
            model.model(input_ids=shown[:, :-1], past_key_values=cache, use_cache=True)
            made: Tensor = model.generate(
                inputs,
                attention_mask=torch.ones_like(inputs[::books]),
                past_key_values=cache,
                use_cache=True,
                do_sample=False,
                num_return_sequences=1,
                guidance_scale=1,
                max_length=n,
                logits_processor=[told],
            )
        return made.view(batch, books, -1)[..., n_frames:]

    return work


def measured(options: argparse.Namespace, batch: int, bandwidth: float | None) -> list[Speed]:
    """Return the speeds of all ways at one batch size."""
    config, device = SHAPES[options.shape], options.device
    decoder, prompts = decoder_of(config, device, getattr(torch, options.dtype)), prompts_of(config, device)
    torch.manual_seed(2)
    prefix = torch.randint(0, config.entries, (batch, config.books, options.frames)).to(device)
    masked = torch.rand(batch, options.frames) < 0.5
    types = Layout(options.frames, config.books).types(masked.numpy()).to(device)
    way, seeds = "compiled" if options.compile else "", list(range(batch))
    loop = PlainLoop(decoder, prompts)
    clocks = {
        "ours": Clock(
            lambda done: generate(decoder, prefix, None, None, GREEDY, seeds, step_done=done, way=way), device
        ),
        "transformers' generate": Clock(with_transformers(transformers_of(decoder), prefix), device),
        "ours, prompts": Clock(
            lambda done: generate(decoder, prefix, types, prompts, GREEDY, seeds, step_done=done, way=way), device
        ),
        "a plain loop, prompts": Clock(lambda done: loop.generate(prefix, types, done), device),
    }
    for repeat in range(options.repeats + options.warm):
        for clock in clocks.values():
            clock.call()
            if repeat < options.warm:
                clock.seconds.clear(), clock.steps_ms.clear()
    floor_ms = floor(decoder, batch, options.frames) / bandwidth * 1000 if bandwidth else None
    return compared(clocks, batch, options.frames * config.books * batch, floor_ms)


def compared(clocks: dict[str, Clock], batch: int, n_tokens: int, floor_ms: float | None) -> list[Speed]:
    """Return the speeds; ours against those of the way behind it."""
    speeds = []
    for name, clock in clocks.items():
        seconds, step_ms = statistics.median(clock.seconds), statistics.median(clock.steps_ms)
        speeds.append(Speed(batch, name, seconds, step_ms, n_tokens / seconds, clock.peak_mib))
    for own, other in zip(speeds[::2], speeds[1::2], strict=True):
        own.against, own.times_faster = other.name, other.seconds / own.seconds
        mine, theirs = clocks[own.name].tokens, clocks[other.name].tokens
        assert mine is not None and theirs is not None
        own.same_tokens = float((mine == theirs).double().mean())
        own.over_floor = own.step_ms / floor_ms if floor_ms else None
    return speeds


def floor(decoder: Decoder, batch: int, n_frames: int) -> float:
    """Return the bytes that a step must read: all matrices, and on average the keys and values of 3/2 T steps."""
    config, size = decoder.config, decoder.layer_norm.weight.element_size()
    tables = sum(value.numel() for value in decoder.embed_tokens.parameters())
    weights = sum(value.numel() for value in decoder.parameters()) - tables
    seen = n_frames + n_generated_steps(n_frames, config.books) / 2
    return float(size * (weights + 2 * config.depth * batch * seen * config.width))


def copy_bandwidth() -> float:
    """Return the bytes a second, read and written, of a copy on the GPU: the best of 10."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target, found = torch.empty_like(source), []
    for _ in range(10):
        first, last = _stamp("cuda"), None
        target.copy_(source)
        last = _stamp("cuda")
        torch.cuda.synchronize()
        found.append(2 * source.numel() / (_between_ms(first, last) / 1000))
    return max(found)


def told(speeds: list[Speed]) -> str:
    """Return the table."""
    columns = (
        "batch",
        "what",
        "against",
        "times faster",
        "same tokens",
        "over the floor",
        "ms a step",
        "tokens a second",
    )
    lines = [f"| {' | '.join(columns)} | peak MiB |", "|---:|---|---|---:|---:|---:|---:|---:|---:|"]
    for one in speeds:
        ratio, same, over = (
            "" if value is None else text.format(value)
            for value, text in ((one.times_faster, "{:.1f}"), (one.same_tokens, "{:.4f}"), (one.over_floor, "{:.2f}"))
        )
        lines.append(
            f"| {one.batch} | {one.name} | {one.against} | {ratio} | {same} | {over} | {one.step_ms:.2f} "
            f"| {one.tokens_per_s:.0f} | {one.peak_mib:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Print the speeds; 1 where tokens differ in float32 or a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="mini")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--frames", type=int, default=250, help="T; 750 are 15 s")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--warm", type=int, default=1, help="calls before those that count")
    parser.add_argument(
        "--compile", action="store_true", help="on a GPU: let torch fuse what lies between the products"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    options.device = chosen(options.device)
    bandwidth = copy_bandwidth() if options.device == "cuda" else None
    speeds = [one for batch in options.batch for one in measured(options, batch, bandwidth)]
    device = hardware(options.device)
    if options.json:
        found = {
            "device": device,
            "bytes_per_s": bandwidth,
            "options": vars(options),
            "speeds": [asdict(o) for o in speeds],
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write(
            f"{options.shape} shape, {options.dtype}, {options.frames} + {options.frames} frames, {device}\n\n"
        )
        sys.stdout.write(told(speeds))
    wrong = options.dtype == "float32" and any((one.same_tokens or 1) < 1 for one in speeds)
    slow = any((one.times_faster or GOAL) < GOAL or (one.over_floor or 0) > FLOOR_GOAL for one in speeds)
    return int(wrong or slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
