"""The training loop with a tiny trainer: schedule, checkpoints, curves, and interrupted runs."""

import csv
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.runtime.tensors import read_about, read_tensors, write_tensors
from bench.training import loop
from bench.training.loop import CHECKPOINT, CURVE, Learner, Schedule, last_validation, run

STEPS, EVERY = 23, 5


class Tiny:
    """Fits a line; batches depend only on the step. Raises before step `dies_at`."""

    def __init__(self, dies_at=None):
        torch.manual_seed(0)
        self.network = torch.nn.Linear(3, 2)
        self.frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
        self.network.register_parameter("frozen", self.frozen)
        self.learner = Learner(self.network, 0.1, STEPS, warm_up=4)
        self.dies_at, self.taken = dies_at, []

    def prepare(self, executor):
        pass

    def step(self, k):
        if k == self.dies_at:
            raise KeyboardInterrupt
        self.taken.append(k)
        rng = np.random.default_rng([1, k])
        x = torch.from_numpy(rng.normal(size=(8, 3))).float()
        return self.learner.learn(k, (self.network(x) - x[:, :2]).pow(2).mean())

    def validate(self):
        return {"loss": float(self.network.weight.detach().sum()), "gap": 0.5}

    def state(self):
        return self.learner.state()

    def restore(self, state):
        self.learner.restore(state)

    def tensors(self):
        return dict(self.network.named_parameters())


def curve(folder):
    with (folder / CURVE).open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    trainer = Tiny()
    assert run(trainer, folder, STEPS, every=EVERY)[0] == STEPS
    return trainer, curve(folder)


def same(trainer, other):
    return all(torch.equal(a, b) for a, b in zip(trainer.network.parameters(), other.network.parameters(), strict=True))


def test_the_curve_has_a_row_at_every_interval_and_at_the_end(whole):
    rows = whole[1]
    assert [int(row["step"]) for row in rows] == [5, 10, 15, 20, 23]
    assert list(rows[0]) == ["step", "loss", "validation_loss", "validation_gap"]
    losses = [float(row["loss"]) for row in rows]
    assert losses[-1] < losses[0]


def test_a_row_is_the_mean_of_its_steps(tmp_path):
    trainer = Tiny()
    losses = []
    step = trainer.step
    trainer.step = lambda k: losses.append(step(k)) or losses[-1]
    run(trainer, tmp_path, STEPS, every=EVERY)
    means = [np.mean([one["loss"] for one in losses[k : k + EVERY]]) for k in range(0, STEPS, EVERY)]
    assert [float(row["loss"]) for row in curve(tmp_path)] == pytest.approx(means, abs=1e-5)


@pytest.mark.parametrize("dies_at", [1, 5, 7, 12, 22])
def test_a_run_killed_between_checkpoints_ends_like_an_uninterrupted_one(tmp_path, whole, dies_at):
    with pytest.raises(KeyboardInterrupt):
        run(Tiny(dies_at), tmp_path, STEPS, every=EVERY)
    again = Tiny()
    assert run(again, tmp_path, STEPS, every=EVERY)[0] == STEPS
    assert again.taken == list(range(dies_at // EVERY * EVERY, STEPS)), "only the lost steps are repeated"
    assert same(again, whole[0]) and curve(tmp_path) == whole[1]


def test_a_run_stopped_by_the_clock_ends_like_an_uninterrupted_one(tmp_path, whole, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock), process_time=time.process_time))
    reached, calls = 0, 0
    while reached < STEPS:
        trainer = Tiny()
        reached, _ = run(trainer, tmp_path, STEPS, every=EVERY, seconds=4)
        calls += 1
    assert calls > 4 and same(trainer, whole[0]) and curve(tmp_path) == whole[1]


def test_rows_of_lost_steps_are_replaced_and_not_doubled(tmp_path, whole, monkeypatch):
    real = loop._save
    monkeypatch.setattr(
        loop, "_save", lambda trainer, folder, k, *rest: None if k > 5 else real(trainer, folder, k, *rest)
    )
    with pytest.raises(KeyboardInterrupt):
        run(Tiny(17), tmp_path, STEPS, every=EVERY)
    assert [int(row["step"]) for row in curve(tmp_path)] == [5, 10, 15]
    monkeypatch.setattr(loop, "_save", real)
    again = Tiny()
    run(again, tmp_path, STEPS, every=EVERY)
    assert again.taken[0] == 5 and curve(tmp_path) == whole[1]


def test_a_finished_run_takes_no_step_and_shows_its_progress(tmp_path, whole):
    run(Tiny(), tmp_path, STEPS, every=EVERY)
    again, shown = Tiny(), []
    reached, seconds = run(again, tmp_path, STEPS, every=EVERY, step_done=lambda: shown.append(1))
    assert (reached, again.taken, len(shown)) == (STEPS, [], STEPS) and seconds >= 0
    assert same(again, whole[0]) and curve(tmp_path) == whole[1]


def test_processor_seconds_of_earlier_runs_are_counted(tmp_path):
    run(Tiny(), tmp_path, STEPS, every=EVERY)
    kept = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    torch.save({**kept, "seconds": 1000.0}, tmp_path / CHECKPOINT)
    assert run(Tiny(), tmp_path, STEPS, every=EVERY)[1] == pytest.approx(1000, abs=5)


def test_frozen_tensors_are_neither_trained_nor_kept(whole, tmp_path):
    assert torch.equal(whole[0].frozen, torch.ones(2))
    run(Tiny(), tmp_path, 1, every=EVERY)
    assert set(torch.load(tmp_path / CHECKPOINT, weights_only=True)["state"]["network"]) == {"weight", "bias"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing of ours"])
def test_a_damaged_checkpoint_is_named_with_the_remedy(tmp_path, content):
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(BenchError, match=r"checkpoint\.pt: cannot be resumed .*remove it to start again"):
        run(Tiny(), tmp_path, STEPS)


def test_checkpoints_of_other_networks_or_without_their_keys_are_refused(tmp_path):
    for kept in ({"step": 1}, {"step": 1, "seconds": 0.0, "state": {"network": {"other": torch.zeros(1)}}}, [1, 2]):
        torch.save(kept, tmp_path / CHECKPOINT)
        with pytest.raises(BenchError, match=r"checkpoint\.pt: cannot be resumed"):
            run(Tiny(), tmp_path, STEPS)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    torch.save({"step": print, "state": {}}, tmp_path / CHECKPOINT)
    with pytest.raises(BenchError, match=r"checkpoint\.pt: cannot be resumed"):
        run(Tiny(), tmp_path, STEPS)


def test_a_checkpoint_beyond_the_recipes_end_is_refused(tmp_path):
    run(Tiny(), tmp_path, STEPS, every=EVERY)
    with pytest.raises(BenchError, match="is at step 23, the recipe ends at 20; remove it to start again"):
        run(Tiny(), tmp_path, 20)


def test_the_schedule_follows_its_formula():
    schedule = Schedule(0.4, 110, 10)
    assert [schedule.at(k) for k in range(10)] == pytest.approx([0.04 * (k + 1) for k in range(10)])
    assert schedule.at(10) == pytest.approx(0.4)
    assert schedule.at(60) == pytest.approx(0.4 * (0.05 + 0.95 / 2))
    assert schedule.at(35) == pytest.approx(0.4 * (0.05 + 0.475 * (1 + math.cos(math.pi / 4))))
    assert schedule.at(110) == schedule.at(10**6) == pytest.approx(0.4 / 20)


def test_the_warm_up_is_a_tenth_of_short_trainings():
    for steps, expected in ((1, 1), (9, 1), (50, 5), (5000, 100)):
        assert Learner(torch.nn.Linear(1, 1), 0.1, steps)._schedule.warm_up == expected


def test_a_step_is_adamw_with_a_clipped_gradient():
    torch.manual_seed(0)
    mine, theirs = torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)
    theirs.load_state_dict(mine.state_dict())
    learner = Learner(mine, 0.1, 100, weight_decay=0.02, clip=0.1, warm_up=2)
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=0.1, betas=(0.9, 0.95), weight_decay=0.02)
    x = torch.randn(4, 3)
    for k in range(5):
        loss = learner.learn(k, mine(x).pow(2).sum())["loss"]
        optimiser.param_groups[0]["lr"] = Schedule(0.1, 100, 2).at(k)
        optimiser.zero_grad()
        expected = theirs(x).pow(2).sum()
        expected.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)
        optimiser.step()
        assert loss == float(expected.detach())
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))


def test_the_last_validation_is_the_curves_last_row(tmp_path):
    assert last_validation(tmp_path) == {}
    trainer = Tiny()
    run(trainer, tmp_path, STEPS, every=EVERY)
    assert last_validation(tmp_path) == {"loss": pytest.approx(trainer.validate()["loss"], abs=1e-5), "gap": 0.5}


def test_tensors_and_metadata_are_read_back(tmp_path):
    path = tmp_path / "deep" / "x.safetensors"
    tensors = {"a": torch.randn(2, 3).half(), "b": np.arange(4, dtype=np.int16), "c": torch.randn(3, 2).T}
    write_tensors(path, tensors, {"config": '{"width": 3}'})
    arrays = read_tensors(path)
    assert arrays["a"].dtype == np.float16 and np.array_equal(arrays["a"], tensors["a"].numpy())
    assert np.array_equal(arrays["b"], tensors["b"]) and np.array_equal(arrays["c"], tensors["c"].numpy())
    assert read_about(path) == {"config": {"width": 3}}
    write_tensors(path, {"a": np.zeros(1)})
    assert read_about(path) == {} and not list(path.parent.glob(".*"))


def test_metadata_that_is_no_json_is_refused(tmp_path):
    write_tensors(tmp_path / "x.safetensors", {"a": np.zeros(1)}, {"format": "pt"})
    with pytest.raises(BenchError, match=r"x\.safetensors: its metadata cannot be read .*get it again"):
        read_about(tmp_path / "x.safetensors")
