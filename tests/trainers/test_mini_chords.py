"""The trainer of the mini chord recogniser: its classes, transposition, its score."""

import numpy as np
import pytest
import torch

from bench.mini.harmony import N_CHORDS, of
from bench.runtime.executor import Serial
from bench.symbols import Chords
from bench.trainers import mini_chords as plug


@pytest.fixture
def trainer(shared):
    made = plug.build(
        shared, shared, train="synthetic-train-2", validation="synthetic-validation-1", width=8, depth=2, steps=4,
        batch=2, crop_s=2.0,
    )  # fmt: skip
    made.prepare(Serial())
    return made


def test_every_frame_has_the_class_at_its_middle():
    chords = Chords(np.array([[0.0, 0.26], [0.26, 0.5]]), ("Db:maj", "B:min7"))
    assert plug._classes(chords, 0.7).tolist() == [1, 1, 1, 4 * 12 + 11, 4 * 12 + 11, N_CHORDS, N_CHORDS]


def test_transposition_moves_roots_and_keeps_qualities_and_no_chord():
    assert plug._transposed(np.array([0, 11, 12 + 10, N_CHORDS]), 3).tolist() == [3, 2, 12 + 1, N_CHORDS]


def test_major_and_minor_take_the_sevenths_in():
    assert plug._majmin(np.array([3, 12 + 3, 24 + 3, 36 + 3, 48 + 3, N_CHORDS])).tolist() == [3, 15, 3, 3, 15, 24]


def test_the_score_is_1_where_the_network_knows_every_frame(trainer, monkeypatch):
    track = trainer._unseen.tracks[0]
    classes = torch.from_numpy(trainer._chords[track][100:250])
    logits = 50.0 * torch.nn.functional.one_hot(classes, N_CHORDS + 1).float()[None]
    monkeypatch.setattr(type(trainer.learner.averaged), "forward", lambda self, sound: logits)
    assert trainer.validate() == {"accuracy": 1.0, "majmin": 1.0}


def test_steps_train_the_network_and_it_is_read_back(trainer):
    losses = [trainer.step(k)["loss"] for k in range(4)]
    assert np.isfinite(losses).all()
    tensors = trainer.tensors()
    again = of({name: value.numpy() for name, value in tensors.items()})
    assert all(torch.equal(value.half(), tensors[name]) for name, value in again.state_dict().items())
