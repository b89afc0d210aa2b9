"""CLAP against LAION's own code: a checkpoint of theirs, converted, embeds sound alike."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.audio import Audio
from bench.errors import BenchError
from bench.extractors.clap import RATE, Clap
from bench.music.loudness import at_loudness
from bench.upkeep.clap_convert import convert

REQUIRED = os.environ.get("STEERBENCH_REQUIRE_AGREEMENT") == "1"
pytestmark = pytest.mark.skipif(find_spec("laion_clap") is None and not REQUIRED, reason="laion_clap: tox -e py")


def sounds() -> list[np.ndarray]:
    rng, time = np.random.default_rng(0), np.arange(10 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * hz * time) for hz in (220, 277, 330)) * np.exp(-(time % 1) * 3)
    clicks = np.where(time % 0.25 < 0.002, 1.0, 0.0) * rng.standard_normal(len(time))
    return [0.1 * rng.standard_normal(len(time)), 0.2 * chord, 0.5 * clicks]


@pytest.mark.parametrize("amodel", ["HTSAT-tiny", "HTSAT-base"])
def test_a_converted_checkpoint_embeds_as_laions_own_code_does(tmp_path: Path, amodel: str) -> None:
    from tests.agreement.stand_ins import laion_model

    theirs = laion_model(amodel)
    state = {f"module.{name}": value for name, value in theirs.model.state_dict().items()}
    torch.save({"epoch": 15, "best": np.float64(0.9), "n": np.int64(3), "state_dict": state}, tmp_path / "x.pt")
    convert(tmp_path / "x.pt", tmp_path / "folder")
    ours = Clap("x", tmp_path / "folder")
    for sound in sounds():
        ready = at_loudness(sound, RATE)
        assert np.abs(ready).max() < 4
        with torch.no_grad():
            # As tensors: on arrays their code rounds to 16 bits first.
            wanted = theirs.get_audio_embedding_from_data(torch.from_numpy(ready).float()[None], use_tensor=True)[0]
        found = ours.extract(Audio(sound, RATE)).values[0]
        assert np.abs(found - wanted.numpy()).max() < 1e-4


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    from tests.agreement.stand_ins import laion_model

    state = dict(laion_model("HTSAT-tiny").model.state_dict())
    path = tmp_path / "x.pt"
    torch.save({"state_dict": {**state, "surprise.weight": torch.zeros(1)}}, path)
    with pytest.raises(BenchError, match=r"surprise\.weight matches no parameter"):
        convert(path, tmp_path / "out")
    torch.save({"state_dict": {k: v for k, v in state.items() if k != "audio_branch.norm.bias"}}, path)
    with pytest.raises(BenchError, match=r"audio_encoder\.norm\.bias is missing"):
        convert(path, tmp_path / "out")
    torch.save({"state_dict": {**state, "audio_branch.patch_embed.mel_conv2d.weight": torch.zeros(1)}}, path)
    with pytest.raises(BenchError, match="feature fusion"):
        convert(path, tmp_path / "out")
