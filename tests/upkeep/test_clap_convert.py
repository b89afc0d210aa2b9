"""The converter with untrusted files; its results are compared with laion-clap in tests/agreement."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ClapModel
from typer.testing import CliRunner

from bench.audio import Audio
from bench.cli.app import app
from bench.errors import BenchError
from bench.extractors.clap import Clap
from bench.upkeep.clap_convert import convert
from tests.tiny_clap import write_tiny_clap


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"noise", "cannot be read safely"),
        ([1], "holds no weights by name"),
        ({"state_dict": {"x": 1}}, "holds no weights by name"),
        ({"state_dict": {"module.x": torch.zeros(1)}}, "not a CLAP of HTSAT and RoBERTa"),
        ({"state_dict": {"audio_branch.patch_embed.fusion_model.x": torch.zeros(1)}}, "feature fusion"),
    ],
)
def test_files_that_are_not_laions_checkpoints_are_refused(tmp_path: Path, content: object, reason: str) -> None:
    path = tmp_path / "x.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(BenchError, match=reason):
        convert(path, tmp_path / "out")
    said = CliRunner().invoke(app, ["convert", "clap", str(path), str(tmp_path / "out")])
    assert said.exit_code == 2 and re.search(reason, said.stderr) and not (tmp_path / "out").exists()


PLACES = (
    ("audio_model.audio_encoder.batch_norm.", "audio_branch.bn0."),
    ("audio_model.audio_encoder.", "audio_branch."),
    (".attention.self.relative_position_bias_table", ".attn.relative_position_bias_table"),
    (".layernorm_before.", ".norm1."),
    (".layernorm_after.", ".norm2."),
    ("text_model.", "text_branch."),
    ("_projection.linear1.", "_projection.0."),
    ("_projection.linear2.", "_projection.2."),
)
SWIN = (
    (".attention.output.dense.", ".attn.proj."),
    (".intermediate.dense.", ".mlp.fc1."),
    (".output.dense.", ".mlp.fc2."),
)


def as_laion(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a checkpoint of transformers in LAION's form: q, k and v in one weight, and further weights."""
    found: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name.endswith(("position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked")):
            continue
        tower = name.startswith("audio_model.")
        if tower and (part := re.search(r"\.attention\.self\.(query|key|value)\.(weight|bias)", name)):
            if part[1] == "query":
                stacked = [state[name.replace("query", word)] for word in ("query", "key", "value")]
                place = name.replace("audio_model.audio_encoder.", "audio_branch.")
                found[place.replace(part[0], f".attn.qkv.{part[2]}")] = torch.cat(stacked)
            continue
        for old, new in (*PLACES, *(SWIN if tower else ())):
            name = name.replace(old, new)
        found[name] = value
    beside = {
        "audio_branch.spectrogram_extractor.stft.conv_real.weight": torch.zeros(3, 1, 4),
        "audio_branch.logmel_extractor.melW": torch.zeros(3, 2),
        "audio_branch.tscam_conv.weight": torch.zeros(2, 2), "audio_branch.head.weight": torch.zeros(2, 2),
        "audio_branch.layers.0.blocks.0.attn.relative_position_index": torch.zeros(4, 4, dtype=torch.long),
        "audio_transform.sequential.0.weight": torch.zeros(2, 2),
        "text_branch.embeddings.position_ids": torch.arange(3)[None],
    }  # fmt: skip
    return {f"module.{name}": value for name, value in {**found, **beside}.items()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    folder = write_tiny_clap(tmp_path_factory.mktemp("clap") / "tiny")
    return folder, as_laion(ClapModel.from_pretrained(folder).state_dict())


def test_a_converted_checkpoint_gives_the_same_embeddings(tiny, tmp_path: Path) -> None:
    folder, state = tiny
    package = {"epoch": 15, "name": "x", "best": np.float64(0.9), "optimizer": {}, "state_dict": state}
    torch.save(package, tmp_path / "music_epoch_15.pt")
    convert(tmp_path / "music_epoch_15.pt", tmp_path / "converted", tokenizer=folder)
    audio = Audio(np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32), 48000)
    ours, theirs = (Clap("x", one).extract(audio).values for one in (tmp_path / "converted", folder))
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_truncated_checkpoints_and_other_shapes_are_refused(tiny, tmp_path: Path, share: float) -> None:
    path, state = tmp_path / "x.pt", tiny[1]
    torch.save({"state_dict": state}, path)
    path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])
    with pytest.raises(BenchError, match=r"x\.pt: cannot be read safely"):
        convert(path, tmp_path / "out")
    torch.save({"state_dict": {**state, "module.text_projection.2.bias": torch.zeros(7)}}, path)
    with pytest.raises(BenchError, match=r"text_projection\.linear2\.bias is \(7,\), want \(24,\)"):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_loading_runs_no_code_from_the_file(tmp_path: Path) -> None:
    torch.save({"state_dict": Payload(str(tmp_path / "harm"))}, tmp_path / "x.pt")
    with pytest.raises(BenchError, match="cannot be read safely"):
        convert(tmp_path / "x.pt", tmp_path / "out")
    assert not (tmp_path / "harm").exists()
