"""The trainer of the codebooks: its weight file, the explained variance, and repeatability."""

import numpy as np
import pytest
import torch

from bench.mini.tokens import BOOKS, ENTRIES, Tokeniser
from bench.runtime.executor import Serial
from bench.trainers import mini_tokens as plug
from bench.training.loop import run
from tests.tiny_mini import SIZES


@pytest.fixture(scope="module")
def trainer(shared):
    with pytest.MonkeyPatch.context() as patch:
        from tests.tiny_songs import use_songs

        use_songs(patch)
        patch.setattr(plug, "_TRACK_S", 8.0)
        made = plug.build(shared, shared, train="synthetic-train-2", validation="synthetic-validation-1")
        made.prepare(Serial())
    for k in range(BOOKS):
        assert 0 <= made.step(k)["unexplained"] < 0.2
    return made


def test_each_step_makes_one_codebook_of_the_weight_file(trainer):
    tokeniser = Tokeniser.of(trainer.tensors())
    assert [book.shape for book in tokeniser.centroids] == [(ENTRIES, size) for size in SIZES]
    assert {book.dtype for book in tokeniser.centroids} == {np.dtype(np.float32)}


def test_explained_is_the_share_of_variance_that_quantising_keeps(trainer):
    tokeniser, scores = Tokeniser.of(trainer.tensors()), trainer.validate()
    assert list(scores) == [f"explained_{k}" for k in range(BOOKS)]
    codes = tokeniser.quantise(tuple(trainer._unseen))
    for k, (rows, book) in enumerate(zip(trainer._unseen, tokeniser.centroids, strict=True)):
        rows, chosen = rows.astype(np.float64), book[codes[k]].astype(np.float64)
        expected = 1 - ((rows - chosen) ** 2).sum(axis=1).mean() / rows.var(axis=0).sum()
        assert scores[f"explained_{k}"] == pytest.approx(expected, abs=1e-6)
        assert 0.3 < expected < 1


def test_explained_is_1_where_every_row_is_an_entry_and_0_for_the_mean_alone():
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    assert plug._explained(rows, rows) == pytest.approx(1, abs=1e-6)
    assert plug._explained(rows, rows.mean(axis=0, keepdims=True)) == pytest.approx(0, abs=1e-6)


def test_the_mix_counts_three_times(trainer, monkeypatch):
    monkeypatch.setattr(plug, "_TRACK_S", 6.0)
    monkeypatch.setattr(plug, "features", lambda samples: (np.zeros((len(samples) // plug.HOP, 1)),) * BOOKS)
    rows = plug._rows_of(FakeSongs(), 1, "train-0001")
    n_parts = len(plug.streams.PARTS)
    assert len(rows[0]) == 300 + (n_parts - 1) * 100


class FakeSongs:
    n_samples = 32000 * 60

    def cut(self, track, part, start, n):
        return np.zeros(n, dtype=np.float32)


def test_kmeans_is_seeded():
    rows = np.random.default_rng(0).normal(size=(1200, 3)).astype(np.float32)
    assert np.array_equal(plug._kmeans(rows, 1), plug._kmeans(rows, 1))
    assert plug._kmeans(rows, 1).shape == (ENTRIES, 3)


def test_a_checkpoint_keeps_the_codebooks_made_so_far(trainer, tmp_path, monkeypatch):
    again = plug.build(tmp_path, tmp_path)
    again._rows, again._unseen = trainer._rows, trainer._unseen
    monkeypatch.setattr(plug, "_kmeans", lambda rows, seed: pytest.fail("made again"))
    torch.save({"step": BOOKS, "seconds": 1.0, "state": trainer.state()}, tmp_path / "checkpoint.pt")
    assert run(again, tmp_path, BOOKS)[0] == BOOKS
    made, kept = again.tensors(), trainer.tensors()
    assert all(np.array_equal(made[name], kept[name]) for name in kept) and len(made) == BOOKS
