"""The trainer of the mini transcriber: its targets, its shifts, its score."""

import numpy as np
import pytest
import torch

from bench.mini.pitch import LOWEST_PITCH, N_PITCHES
from bench.mini.transcriber import of
from bench.runtime.executor import Serial
from bench.symbols import Notes
from bench.trainers import mini_notes as plug


@pytest.fixture
def trainer(shared):
    made = plug.build(
        shared, shared, train="synthetic-train-2", validation="synthetic-validation-1", width=8, depth=2, steps=4,
        batch=2, crop_s=1.0,
    )  # fmt: skip
    made.prepare(Serial())
    return made


def test_targets_mark_the_onset_its_neighbours_and_the_sounding_frames():
    notes = Notes(np.array([[0.2, 0.4], [-0.5, 0.1], [0.5, 0.6]]), np.array([60, 62, 10]), np.array([90, 90, 90]))
    onset, sounding = plug._targets(notes, 1.0)
    assert onset.shape == (51, N_PITCHES)
    key = 60 - LOWEST_PITCH
    assert onset[8:13, key].tolist() == pytest.approx([0, plug._BESIDE, 1, plug._BESIDE, 0])
    assert np.flatnonzero(sounding[:, key]).tolist() == list(range(10, 20))
    # A note that began before sounds on without an onset; a pitch below the piano's is left out.
    assert not onset[:, key + 2].any() and np.flatnonzero(sounding[:, key + 2]).tolist() == list(range(5))
    assert onset.sum() == pytest.approx(1 + 2 * plug._BESIDE)


@pytest.mark.parametrize("by", [-3, 0, 2])
def test_planes_move_and_what_comes_in_is_the_lowest_value(by):
    planes = torch.arange(8.0).expand(1, 1, 8) + 5
    moved = plug._moved(planes, by)[0, 0].tolist()
    wanted = [5.0] * 8
    for k in range(8):
        if 0 <= k + by < 8:
            wanted[k + by] = k + 5.0
    assert moved == wanted


def test_the_score_is_1_for_the_notes_themselves_and_0_for_others():
    notes = Notes(np.array([[0.2, 0.4], [1.0, 1.2]]), np.array([60, 64]), np.array([90, 90]))
    assert plug._f1(notes, np.array([0.24, 0.97]), np.array([60, 64])) == 1
    assert plug._f1(notes, np.array([0.2, 1.0]), np.array([61, 65])) == 0
    assert plug._f1(notes, np.array([]), np.array([])) == 0


def test_the_loss_falls_with_better_logits():
    wanted = torch.zeros(1, 2, 4, N_PITCHES)
    wanted[0, :, 1, 5] = 1
    good = torch.where(wanted > 0, 9.0, -9.0)
    assert float(plug._loss(good, wanted)) < 0.05 < float(plug._loss(-good, wanted))


def test_steps_train_the_network_and_it_is_read_back(trainer):
    losses = [trainer.step(k)["loss"] for k in range(4)]
    assert np.isfinite(losses).all()
    assert set(trainer.validate()) == {"f1", "threshold"}
    tensors = trainer.tensors()
    again = of({name: value.numpy() for name, value in tensors.items()})
    assert all(torch.equal(value.half(), tensors[name]) for name, value in again.state_dict().items())
