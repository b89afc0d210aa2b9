"""Trainer of adapters on a frozen decoder of any size: prompts, aligned, prefix tuning or low rank, on equal data."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench import plugins
from bench.air.adapter import LOW_RANK, Aligned, Prefix, Prompts
from bench.air.backbone import Backbone, mini, published
from bench.air.loss import HIDDEN, loss_of
from bench.air.sequence import Layout
from bench.air.sizes import SIZES
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.mini.songs import prepared
from bench.runtime.executor import Executor, Serial
from bench.trainers.adapter.examples import Example, Examples, validation_batch
from bench.training import streams
from bench.training.loop import Learner
from bench.training.tokens import Songs, of_dataset

KINDS = ("prompts", "aligned", "prefix", "lora")
MASKS = ("mixed", "scatter")
CONTROLS = ("drums", "chords", "piano")
_FULL_LICENCE = (
    "not for commercial use: trained beside MusicGen's weights (CC BY-NC 4.0) on recordings of {dataset}, whose own "
    "licence says what may be done with what is learned from them"
)
_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


class AdapterTrainer:
    """Trains an adapter by cross-entropy of the prediction, with all else frozen (arXiv 2402.09508, section 4.2)."""

    def __init__(self, data: Path, sources: dict[str, Any], sizes: dict[str, Any], seed: int, device: str) -> None:
        """Take the folder of songs, the training data, the adapter's sizes and budget, seed and device."""
        self._data, self._sources, self._sizes, self._seed, self._device = data, sources, sizes, seed, device
        self.frozen: dict[str, str] = {}  # what the card says besides the files that a recipe needs

    @property
    def licence(self) -> str:
        """The weights' licence; empty, for the default, if the songs are composed and the decoder is the mini one."""
        dataset = self._sources["dataset"]
        is_own = self._sources["size"] == "mini" and dataset == "synthetic"
        return "" if is_own else _FULL_LICENCE.format(dataset=dataset)

    def prepare(self, executor: Executor) -> None:
        """Make the streams, encode them, build the adapter on the frozen decoder."""
        backbone = self._backbone()
        self._decoder, self._tokeniser, self.frozen = backbone.decoder, backbone.tokeniser, backbone.about
        # Extractors may use torch's random numbers, but only if songs are missing: restore them for the adapter's sake.
        with torch.random.fork_rng(devices=[]):
            (sounds, songs), (_, self._unseen) = self._prepared_songs(backbone.label, executor)
        self._examples = Examples(songs, sounds, self._tokeniser, self._sources["controls"], self._sizes)
        self._adapter = self._new_adapter()
        trained = self._decoder if self._adapter is None else self._adapter.to(self._device).train()
        self.learner = Learner(
            trained, self._sizes["rate"], self._sizes["steps"], weight_decay=0.02, clip=self._sizes["clip"],
            warm_up=self._sizes["warm_up"],
        )  # fmt: skip

    def _backbone(self) -> Backbone:
        """Return the frozen decoder with its tokeniser: from the recipe's files, or a published one of the size."""
        size, sizes = self._sources["size"], self._sizes
        if size == "mini":
            if not (self._sources["tokens"] and self._sources["language"]):
                raise BenchError(
                    "needs: tokens or language is missing; name both for the mini size, e.g. mini-tokens, mini-language"
                )
            torch.manual_seed(self._seed)  # building the decoder draws numbers before the adapter does
            return mini(Path(self._sources["tokens"]), Path(self._sources["language"]), self._device)
        batches = [(sizes["batch"], sizes["frames"]), (sizes["long_batch"], sizes["long_frames"])]
        backbone = published(size, self._device, sizes["m"], batches, is_changed=sizes["kind"] == "lora")
        torch.manual_seed(self._seed)
        return backbone

    def _prepared_songs(self, label: str, executor: Executor) -> list[tuple[streams.Streams, Songs]]:
        """Return the training and validation songs, as sound and as tokens of the decoder's codec."""
        names, dataset = (self._sources["train"], self._sources["validation"]), self._sources["dataset"]
        if self._sources["size"] == "mini" and dataset == "synthetic":
            return prepared(self._data, Path(self._sources["tokens"]), names, executor)[1]
        manifest = plugins.load("datasets", dataset).select(names[0])
        self.frozen["songs"] = f"{manifest.name} {manifest.sha256[:12]}"
        return of_dataset(
            dataset, names, self._data / dataset, self._tokeniser, label, parts=("mix", *self._sources["controls"]),
            duration_s=self._sizes["stretch_s"], separator=self._sources["separator"], executor=executor,
            # On a GPU each process would load the codec onto the one device.
            encoder=executor if self._device == "cpu" else Serial(),
        )  # fmt: skip

    def _new_adapter(self) -> Prompts | Prefix | None:
        """Return a new adapter; None for low rank, whose matrices are put into the decoder."""
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
                "low-rank adaptation needs peft; get it with `pip install 'steerbench[train]'`; the other kinds of "
                "adapter run without it"
            ) from error
        inject_adapter_in_model(
            LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=list(_PROJECTIONS)), self._decoder
        )
        return None

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`; every fourth has long excerpts."""
        is_long = k % 4 == 3
        n = self._sizes["long_frames"] if is_long else self._sizes["frames"]
        size = self._sizes["long_batch"] if is_long else self._sizes["batch"]
        rng = np.random.default_rng([self._seed, k])
        batch = [self._examples.draw(rng, n) for _ in range(size)]
        return self.learner.learn(k, loss=self._loss(batch, rng))

    def _loss(self, batch: list[Example], rng: Any, inside: bool = False) -> Tensor:
        prefix, mix = (torch.stack([example[k] for example in batch]).to(self._device) for k in (0, 1))  # type: ignore[misc]
        masked = np.stack([example[2] for example in batch])
        types = Layout(prefix.shape[2], prefix.shape[1]).types(masked).to(self._device)
        only = torch.from_numpy(masked).to(self._device) if inside else None
        return loss_of(self._decoder, prefix, mix, rng, types, self._adapter, only, self._sizes["hidden"])

    def validate(self) -> dict[str, float]:
        """Return the loss in the holes of validation songs, and the gap: how much it rises with other songs' controls.

        Both are in nats per token. The gap shows how much the adapter uses its control. The crops are the same every
        time: half of them with everything masked, half with the middle masked.
        """
        if self._adapter is not None:
            self._adapter.eval()
        own, other = [], []
        n = self._sizes["frames"]
        with torch.inference_mode():
            for k in range(4):
                rng = np.random.default_rng([10**6, k])
                right, wrong = validation_batch(self._unseen, self._sources["controls"], rng, n)
                own.append(float(self._loss(right, None, inside=True)))
                other.append(float(self._loss(wrong, None, inside=True)))
        if self._adapter is not None:
            self._adapter.train()
        return {"loss": float(np.mean(own)), "gap": float(np.mean(other) - np.mean(own))}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        self.learner.restore(state)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weight file's tensors, in half precision."""
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
        folder: Working folder of this training.
        data: Folder of songs and tokens, shared with other trainers.
        kind: `prompts` (the paper's), `aligned`, `prefix` (prefix tuning) or `lora`.
        controls: Controls in the prefix: any of `drums`, `chords`, `piano`, or none.
        tokens: The codebooks' weight file.
        language: The mini language model's weight file.
        train: Manifest of training songs.
        validation: Manifest of validation songs.
        size: Size of the frozen decoder; a published one and its codec are read from `$BENCH_WEIGHTS`.
        dataset: The data set of both manifests. The mini size takes whole songs of `synthetic`; all else is excerpts.
        separator: The extractor that separates drums from every mix; empty for stems, or the default extractor if none.
        stretch_s: Seconds of every excerpt from its start.
        m: Prompt vectors per layer and type of frame, or vectors of prefix tuning.
        rank: Of the aligned path, or of the low-rank adaptation.
        masks: `mixed` (everything, one or two long holes, scattered) or `scatter` (only the paper's).
        ratio: The fixed masking rate r of `scatter`; 0 draws it from U(0.4, 0.8) as in the paper.
        several: Share of examples with several controls at once, if several are given.
        silent: Share of examples without any control.
        hidden: Share of predictions whose inputs are hidden in places; see `bench.air.loss`.
        rate: Highest learning rate.
        clip: Largest norm of the gradient.
        warm_up: Steps until the highest learning rate.
        steps: Steps in all.
        frames: Length of short excerpts in frames of 20 ms.
        batch: Short excerpts per step.
        long_frames: Length of long excerpts, which a quarter of the steps has.
        long_batch: Long excerpts per step.
        seed: Seed of all random numbers.
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
