"""The training loop with checkpoints and curves, the protocol of trainers, and the optimiser with its schedule."""

import csv
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError
from bench.paths import atomic, write_text
from bench.runtime.executor import Executor

CHECKPOINT, CURVE = "checkpoint.pt", "curve.csv"


class Trainer(Protocol):
    """Makes one weight file. Every batch depends only on seed and step, so that a resumed run equals a whole one."""

    def prepare(self, executor: Executor) -> None:
        """Make missing training data and build the network; existing files are kept."""
        ...

    def step(self, k: int) -> dict[str, float]:
        """Take step `k`, counted from 0; return values for the curve."""
        ...

    def validate(self) -> dict[str, float]:
        """Return scores on validation songs, drawn the same way every time."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint: tensors and plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        ...

    def tensors(self) -> dict[str, Any]:
        """Return the weight file's tensors."""
        ...


@dataclass(frozen=True)
class Schedule:
    """A learning rate that warms up linearly and falls along a cosine to a twentieth of its maximum.

    Attributes:
        rate: The highest learning rate.
        steps: Steps in all.
        warm_up: Steps until the highest learning rate.
    """

    rate: float
    steps: int
    warm_up: int

    def at(self, k: int) -> float:
        """Return the learning rate of step `k`."""
        if k < self.warm_up:
            return self.rate * (k + 1) / self.warm_up
        share = min((k - self.warm_up) / max(self.steps - self.warm_up, 1), 1.0)
        return self.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))


class Learner:
    """A network with its optimiser (AdamW) and schedule; tensors without a gradient are not changed.

    With `average`, an exponential moving average of the trained tensors is kept beside the network.
    """

    def __init__(
        self,
        network: Any,
        rate: float,
        steps: int,
        *,
        weight_decay: float = 0.01,
        clip: float = 1.0,
        warm_up: int = 100,
        average: float = 0.0,
    ) -> None:
        """Take the network, the highest learning rate and the number of steps."""
        import copy

        import torch

        self.network = network
        self.average = average
        self.averaged = copy.deepcopy(network).requires_grad_(False) if average else network
        """The network with the averaged tensors; the network itself without `average`."""
        self._trained = [value for value in network.parameters() if value.requires_grad]
        self._optimiser = torch.optim.AdamW(self._trained, lr=rate, betas=(0.9, 0.95), weight_decay=weight_decay)
        self._schedule, self._clip = Schedule(rate, steps, min(warm_up, max(steps // 10, 1))), clip

    def learn(self, k: int, loss: Any) -> dict[str, float]:
        """Take step `k` on the gradient of a loss; return the loss."""
        import torch

        for group in self._optimiser.param_groups:
            group["lr"] = self._schedule.at(k)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained, self._clip)
        self._optimiser.step()
        if self.average:
            share = min(self.average, (1 + k) / (10 + k))  # the first steps are forgotten sooner
            with torch.no_grad():
                for kept, value in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                    kept.lerp_(value, 1 - share)
        return {"loss": float(loss.detach())}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint: the trained tensors and the optimiser's state."""
        kept = {name: value.detach() for name, value in self.network.named_parameters() if value.requires_grad}
        averaged = {"averaged": dict(self.averaged.named_parameters())} if self.average else {}
        return {"network": kept, "optimiser": self._optimiser.state_dict(), **averaged}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state.

        Raises:
            ValueError: the state belongs to another network.
        """
        import torch

        trained = {name: value for name, value in self.network.named_parameters() if value.requires_grad}
        if set(trained) != set(state["network"]):
            raise ValueError(f"other parameters: {sorted(set(trained) ^ set(state['network']))[:3]}")
        with torch.no_grad():
            for name, value in trained.items():
                value.copy_(state["network"][name])
            if self.average:
                for name, value in self.averaged.named_parameters():
                    value.copy_(state["averaged"][name])
        self._optimiser.load_state_dict(state["optimiser"])


def run(
    trainer: Trainer,
    folder: Path,
    steps: int,
    *,
    needs: Mapping[str, str] = {},
    every: int = 250,
    step_done: Callable[[], None] = lambda: None,
    seconds: float = math.inf,
) -> tuple[int, float]:
    """Train until `steps`, from the last checkpoint if there is one; write checkpoint and curve to `folder`.

    Args:
        trainer: A trainer after `prepare`.
        folder: Folder of checkpoint and curve.
        steps: Steps in all.
        needs: sha256 of the weight files that the training uses, by name; a checkpoint with others is refused.
        every: Steps between validations, each with a checkpoint.
        step_done: Called after every step.
        seconds: Stop after this time, with a checkpoint to resume from.

    Returns:
        The step reached and the processor seconds used, earlier runs included.
    """
    k, spent, losses = _resume(trainer, folder, steps, needs)
    for _ in range(k):
        step_done()
    started, until = time.process_time() - spent, time.monotonic() + seconds
    saved = k
    while k < steps and time.monotonic() < until:
        losses.append(trainer.step(k))
        k += 1
        step_done()
        if k % every == 0 or k == steps:
            row = {name: sum(one[name] for one in losses) / len(losses) for name in losses[0]}
            row |= {f"validation_{name}": value for name, value in trainer.validate().items()}
            _record(folder, k, time.process_time() - started, row)
            losses, saved = [], k
            _save(trainer, folder, k, time.process_time() - started, losses, needs)
    if k > saved:
        _save(trainer, folder, k, time.process_time() - started, losses, needs)
    return k, time.process_time() - started


def _resume(
    trainer: Trainer, folder: Path, steps: int, needs: Mapping[str, str]
) -> tuple[int, float, list[dict[str, float]]]:
    """Return the step to resume from, the seconds used so far, and the losses since the curve's last row."""
    import torch

    path = folder / CHECKPOINT
    if not path.is_file():
        return 0, 0.0, []
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        others = [name for name, sha256 in kept.get("needs", {}).items() if needs.get(name, sha256) != sha256]
        if not others:
            trainer.restore(kept["state"])
        k, spent, losses = int(kept["step"]), float(kept["seconds"]), list(kept.get("losses", []))
    except Exception as error:  # a checkpoint of another recipe or version breaks in many ways
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BenchError(f"{path}: cannot be resumed ({reason}); remove it to start again") from error
    if others:
        raise BenchError(
            f"{path}: was trained on another {others[0]} than is present; put that back, or remove this to start again"
        )
    if k > steps:
        raise BenchError(f"{path}: is at step {k}, the recipe ends at {steps}; remove it to start again")
    return k, spent, losses


def _save(
    trainer: Trainer,
    folder: Path,
    k: int,
    seconds: float,
    losses: list[dict[str, float]],
    needs: Mapping[str, str],
) -> None:
    import torch

    with atomic(folder / CHECKPOINT) as part:
        kept = {"step": k, "seconds": seconds, "losses": losses, "needs": dict(needs), "state": trainer.state()}
        torch.save(kept, part)


def _record(folder: Path, k: int, seconds: float, row: Mapping[str, float]) -> None:
    """Add a row to the curve; rows from this step on, left by an interrupted run, are replaced."""
    path = folder / CURVE
    rows = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            rows = [kept for kept in csv.DictReader(file) if int(kept["step"]) < k]
    rows.append({"step": str(k), "seconds": f"{seconds:.0f}", **{name: f"{value:.5f}" for name, value in row.items()}})
    names = list(dict.fromkeys(name for one in rows for name in one))
    lines = [",".join(names), *(",".join(one.get(name, "") for name in names) for one in rows)]
    write_text(path, "\n".join(lines) + "\n")


def last_validation(folder: Path) -> dict[str, float]:
    """Return the last validation scores of a folder's curve; empty if there are none yet."""
    path = folder / CURVE
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    prefix = "validation_"
    return {name.removeprefix(prefix): float(value) for name, value in rows[-1].items() if name.startswith(prefix)}
