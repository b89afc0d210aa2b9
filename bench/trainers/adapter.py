"""Adapters on a frozen decoder of any size: prompts, aligned, prefix tuning or low rank, on the same data and steps."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench import plugins
from bench.air.adapter import LOW_RANK, Aligned, Prefix, Prompts
from bench.air.backbone import Backbone, mini, published
from bench.air.sequence import Layout, prefix_of
from bench.air.sizes import SIZES
from bench.air.training import HIDDEN, loss_of
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.mask import blocks, draw, scatter
from bench.mini.songs import prepared
from bench.mini.tokens import HOP
from bench.runtime.executor import Executor, Serial
from bench.training import streams
from bench.training.loop import Learner
from bench.training.tokens import Codes, Songs, of_dataset

KINDS = ("prompts", "aligned", "prefix", "lora")
MASKS = ("mixed", "scatter")
CONTROLS = ("drums", "chords", "piano")
_EVERYTHING, _ONE_HOLE = 0.3, 0.25
_FULL_LICENCE = (
    "not for commercial use: trained beside MusicGen's weights (CC BY-NC 4.0) on recordings of {dataset}, whose own "
    "licence says what may be done with what is learned from them"
)
_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


class AdapterTrainer:
    """Cross-entropy on the prediction, everything frozen but the adapter (arXiv 2402.09508, section 4.2)."""

    def __init__(self, data: Path, sources: dict[str, Any], sizes: dict[str, Any], seed: int, device: str) -> None:
        """Take the folder of songs, what to train on, the adapter's sizes and the budget's numbers."""
        self._data, self._sources, self._sizes, self._seed, self._device = data, sources, sizes, seed, device
        self.frozen: dict[str, str] = {}  # what a card says beside the files that a recipe needs

    @property
    def licence(self) -> str:
        """What the weights may be used for; empty where the songs are composed and the decoder is ours."""
        dataset = self._sources["dataset"]
        is_ours = self._sources["size"] == "mini" and dataset == "synthetic"
        return "" if is_ours else _FULL_LICENCE.format(dataset=dataset)

    def prepare(self, executor: Executor) -> None:
        """Make the streams, encode them, build the adapter on the frozen decoder."""
        backbone = self._backbone()
        self._decoder, self._tokeniser, self.frozen = backbone.decoder, backbone.tokeniser, backbone.about
        # What hears the songs may draw, and only while they are not there yet: the adapter begins alike in both cases.
        with torch.random.fork_rng(devices=[]):
            (self._sounds, self._songs), (_, self._unseen) = self._prepared(backbone.label, executor)
        self._adapter = self._built()
        trained = self._decoder if self._adapter is None else self._adapter.to(self._device).train()
        self.learner = Learner(
            trained, self._sizes["rate"], self._sizes["steps"], weight_decay=0.02, clip=self._sizes["clip"],
            warm_up=self._sizes["warm_up"],
        )  # fmt: skip

    def _backbone(self) -> Backbone:
        """Return the frozen decoder with its tokens: that of the recipe's files, or a published one of its size."""
        size, sizes = self._sources["size"], self._sizes
        if size == "mini":
            if not (self._sources["tokens"] and self._sources["language"]):
                raise BenchError(
                    "needs: an adapter of the mini size wants tokens and language, e.g. mini-tokens, mini-language"
                )
            torch.manual_seed(self._seed)  # reading it draws, and what is drawn next is where the adapter begins
            return mini(Path(self._sources["tokens"]), Path(self._sources["language"]), self._device)
        batches = [(sizes["batch"], sizes["frames"]), (sizes["long_batch"], sizes["long_frames"])]
        found = published(size, self._device, sizes["m"], batches, is_changed=sizes["kind"] == "lora")
        torch.manual_seed(self._seed)
        return found

    def _prepared(self, label: str, executor: Executor) -> list[tuple[streams.Streams, Songs]]:
        """Return songs to train on and to validate with, as sound and as tokens of the decoder's codec."""
        names, dataset = (self._sources["train"], self._sources["validation"]), self._sources["dataset"]
        if self._sources["size"] == "mini" and dataset == "synthetic":
            return prepared(self._data, Path(self._sources["tokens"]), names, executor)[1]
        manifest = plugins.load("datasets", dataset).select(names[0])
        self.frozen["songs"] = f"{manifest.name} {manifest.sha256[:12]}"
        return of_dataset(
            dataset, names, self._data / dataset, self._tokeniser, label, parts=("mix", *self._sources["controls"]),
            duration_s=self._sizes["stretch_s"], separator=self._sources["separator"], executor=executor,
            # On a device several would each hold the codec.
            encoder=executor if self._device == "cpu" else Serial(),
        )  # fmt: skip

    def _built(self) -> Prompts | Prefix | None:
        """Return the adapter's network; None for low rank, which lives inside the decoder."""
        config, m, rank = self._decoder.config, self._sizes["m"], self._sizes["rank"]
        kind = self._sizes["kind"]
        if kind == "prompts":
            return Prompts(config, m)
        if kind == "aligned":
            return Aligned(config, m, rank)
        if kind == "prefix":
            return Prefix(config, m)
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError as error:
            raise MissingComponent(
                "low-rank adaptation is trained by peft; get it with `pip install 'steerbench[train]'`; the other "
                "kinds of adapter need nothing more"
            ) from error
        inject_adapter_in_model(
            LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=list(_PROJECTIONS)), self._decoder
        )
        return None

    def step(self, k: int) -> dict[str, float]:
        """Take one step on a batch that depends on seed and `k` alone; every fourth has excerpts of full length."""
        is_long = k % 4 == 3
        n = self._sizes["long_frames"] if is_long else self._sizes["frames"]
        size = self._sizes["long_batch"] if is_long else self._sizes["batch"]
        rng = np.random.default_rng([self._seed, k])
        batch = [self._example(self._songs, self._sounds, rng, n) for _ in range(size)]
        return self.learner.learn(k, loss=self._loss(batch, rng))

    def _loss(
        self, batch: list[tuple[Tensor, Tensor, npt.NDArray[np.bool_]]], rng: Any, inside: bool = False
    ) -> Tensor:
        prefix, mix = (torch.stack([example[k] for example in batch]).to(self._device) for k in (0, 1))  # type: ignore[misc]
        masked = np.stack([example[2] for example in batch])
        types = Layout(prefix.shape[2], prefix.shape[1]).types(masked).to(self._device)
        only = torch.from_numpy(masked).to(self._device) if inside else None
        return loss_of(self._decoder, prefix, mix, rng, types, self._adapter, only, self._sizes["hidden"])

    def _example(
        self, songs: Songs, sounds: streams.Streams, rng: np.random.Generator, n: int
    ) -> tuple[Tensor, Tensor, npt.NDArray[np.bool_]]:
        """Draw a prefix (K, n), its prediction (K, n) and the mask (n,)."""
        track, start = songs.place(rng, n)
        mix = torch.from_numpy(songs.crop(track, "mix", start, n))
        control = torch.from_numpy(self._control(songs, sounds, rng, track, start, n))
        masked = self._masked(rng, n)
        return prefix_of(mix[None], control[None], torch.from_numpy(masked)[None])[0], mix, masked

    def _control(
        self, songs: Songs, sounds: streams.Streams, rng: np.random.Generator, track: str, start: int, n: int
    ) -> Codes:
        """Draw which controls are given, and return the tokens of their sum (K, n)."""
        kinds = list(self._sources["controls"])
        if not kinds or rng.random() < self._sizes["silent"]:
            return songs.crop(track, "silence", start, n)
        if len(kinds) > 1:
            several = rng.random() < self._sizes["several"]
            n_kinds = int(rng.integers(2, len(kinds) + 1)) if several else 1
            kinds = [kinds[k] for k in sorted(rng.permutation(len(kinds))[:n_kinds])]
        if len(kinds) == 1:
            return songs.crop(track, kinds[0], start, n)
        total = sum(sounds.cut(track, kind, start * HOP, n * HOP) for kind in kinds)
        return self._tokeniser.encode(np.asarray(total, dtype=np.float32))

    def _masked(self, rng: np.random.Generator, n: int) -> npt.NDArray[np.bool_]:
        """Draw which frames are to be made anew: everything, one or two long holes, or scattered as in the paper."""
        kind, seed = float(rng.random()), int(rng.integers(2**31))
        if self._sizes["masks"] == "scatter":
            ratio = self._sizes["ratio"]
            return (scatter(n, seed, ratio=ratio) if ratio > 0 else scatter(n, seed)).inside(50)
        if kind < _EVERYTHING:
            return np.ones(n, dtype=bool)
        if kind < _EVERYTHING + _ONE_HOLE:
            name = str(rng.choice(["centre", "two-gaps", "long", "blocks"]))
            return (blocks(n, seed, percent=60.0) if name == "blocks" else draw(name, n, seed)).inside(50)
        return scatter(n, seed).inside(50)

    def validate(self) -> dict[str, float]:
        """Return the loss inside the hole on unseen songs with their own controls, and with exchanged ones more.

        The same crops every time: full length, half of them with the middle masked, half with everything masked. What
        other songs' controls cost more is how much the adapter uses its control, in nats a token.
        """
        if self._adapter is not None:
            self._adapter.eval()
        own, other = [], []
        n = self._sizes["frames"]
        with torch.inference_mode():
            for k in range(4):
                rng = np.random.default_rng([10**6, k])
                right, wrong = self._validation_batch(rng, n)
                own.append(float(self._loss(right, None, inside=True)))
                other.append(float(self._loss(wrong, None, inside=True)))
        if self._adapter is not None:
            self._adapter.train()
        return {"loss": float(np.mean(own)), "gap": float(np.mean(other) - np.mean(own))}

    def _validation_batch(self, rng: np.random.Generator, n: int) -> tuple[list[Any], list[Any]]:
        kinds = list(self._sources["controls"]) or ["silence"]
        mixes, controls, flags = [], [], []
        for k in range(8):
            track, start = self._unseen.place(rng, n)
            mixes.append(torch.from_numpy(self._unseen.crop(track, "mix", start, n)))
            controls.append(torch.from_numpy(self._unseen.crop(track, kinds[k % len(kinds)], start, n)))
            flags.append(np.ones(n, dtype=bool) if k < 4 else draw("centre", n, 0).inside(50))
        shift = len(kinds) if len(kinds) < 8 else 1
        exchanged = controls[shift:] + controls[:shift]
        right, wrong = (
            [
                (prefix_of(mix[None], control[None], torch.from_numpy(flag)[None])[0], mix, flag)
                for mix, control, flag in zip(mixes, given, flags, strict=True)
            ]
            for given in (controls, exchanged)
        )
        return right, wrong

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.learner.restore(state)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weight file, in half precision."""
        if self._adapter is not None:
            return {name: value.detach().half() for name, value in self._adapter.named_parameters()}
        return {
            f"{LOW_RANK}.{layer}.{projection}.{end}": getattr(getattr(block.self_attn, projection), f"lora_{matrix}")[
                "default"
            ]
            .weight.detach()
            .half()
            for layer, block in enumerate(self._decoder.layers)
            for projection in _PROJECTIONS
            for end, matrix in (("down", "A"), ("up", "B"))
        }


def build(
    folder: Path,
    data: Path,
    kind: str = "aligned",
    controls: tuple[str, ...] = ("drums",),
    tokens: str = "",
    language: str = "",
    train: str = "synthetic-train-320",
    validation: str = "synthetic-validation-32",
    size: str = "mini",
    dataset: str = "synthetic",
    separator: str = "",
    stretch_s: float = 15.0,
    m: int = 10,
    rank: int = 32,
    masks: str = "mixed",
    ratio: float = 0.0,
    several: float = 0.3,
    silent: float = 0.1,
    hidden: float = HIDDEN,
    rate: float = 4e-3,
    clip: float = 0.1,
    warm_up: int = 50,
    steps: int = 1200,
    frames: int = 250,
    batch: int = 8,
    long_frames: int = 750,
    long_batch: int = 2,
    seed: int = 1,
    device: str = "cpu",
) -> AdapterTrainer:
    """Return the trainer.

    Args:
        folder: Working folder.
        data: Folder of songs and tokens, shared with other trainers.
        kind: `prompts` (the paper's), `aligned`, `prefix` (prefix tuning) or `lora`.
        controls: What stands in the prefix: `drums`, `chords`, `piano`, several of them, or none.
        tokens: The codebooks' weight file.
        language: The mini language model's weight file.
        train: Manifest of training songs.
        validation: Manifest of validation songs.
        size: Of the frozen decoder; a published one and its codec are read from `$BENCH_WEIGHTS`.
        dataset: The data set of both manifests. Of `synthetic` the mini size takes whole songs; all else is excerpts.
        separator: The extractor that hears the drums in every mix; empty for stems, and the usual one without.
        stretch_s: Seconds of every excerpt, from where it starts.
        m: Prompt vectors a layer and type, or vectors of prefix tuning.
        rank: Of the aligned path, or of the low-rank adaptation.
        masks: `mixed` (everything, one or two long holes, scattered ones) or `scatter` (the paper's alone).
        ratio: The fixed masking rate r of `scatter`; 0 draws it from U(0.4, 0.8) as in the paper.
        several: Share of examples with several controls at once, where there are several.
        silent: Share of examples without any control.
        hidden: Share of predictions of whose inputs stretches are hidden.
        rate: Highest learning rate.
        clip: Largest norm of a gradient.
        warm_up: Steps until the highest rate.
        steps: Steps in all.
        frames: Length of short excerpts in frames of 20 ms.
        batch: Short excerpts a step.
        long_frames: Length of long ones, a quarter of the steps.
        long_batch: Long excerpts a step.
        seed: Of everything random.
        device: `cpu` or `cuda`.
    """
    if kind not in KINDS:
        raise UnknownName("kind of adapter", kind, KINDS)
    if masks not in MASKS:
        raise UnknownName("mixture of masks", masks, MASKS)
    if size not in SIZES:
        raise UnknownName("size", size, SIZES)
    if unknown := next((control for control in controls if control not in CONTROLS), None):
        raise UnknownName("control", str(unknown), CONTROLS)
    if (least := min(m, rank, frames, batch, long_frames, long_batch)) < 1:
        raise BenchError(f"m, rank, frames, batch, long_frames, long_batch: found {least}, want 1 or more")
    sources = {
        "controls": controls, "tokens": tokens, "language": language, "train": train, "validation": validation,
        "size": size, "dataset": dataset, "separator": separator,
    }  # fmt: skip
    sizes = {
        "kind": kind, "m": m, "rank": rank, "masks": masks, "ratio": ratio, "several": several, "rate": rate,
        "clip": clip, "steps": steps, "frames": frames, "batch": batch, "long_frames": long_frames,
        "long_batch": long_batch, "silent": silent, "hidden": hidden, "warm_up": warm_up, "stretch_s": stretch_s,
    }  # fmt: skip
    return AdapterTrainer(data, sources, sizes, seed, device)
