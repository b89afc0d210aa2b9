"""The converter's way with strangers' files; that it converts rightly is tested beside laion-clap (tests/agreement)."""

import os
from pathlib import Path

import pytest
import torch

from bench.clap_convert import convert, main
from bench.errors import BenchError


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
        ({"state_dict": {"module.x": torch.zeros(1)}}, "is no HTSAT and RoBERTa CLAP"),
        ({"state_dict": {"audio_branch.patch_embed.fusion_model.x": torch.zeros(1)}}, "feature fusion"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(tmp_path: Path, content: object, reason: str, capsys) -> None:
    path = tmp_path / "x.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(BenchError, match=reason):
        convert(path, tmp_path / "out")
    assert main([str(path), str(tmp_path / "out")]) == 2
    assert reason in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_no_code_of_a_file_runs(tmp_path: Path) -> None:
    torch.save({"state_dict": Payload(str(tmp_path / "harm"))}, tmp_path / "x.pt")
    with pytest.raises(BenchError, match="cannot be read safely"):
        convert(tmp_path / "x.pt", tmp_path / "out")
    assert not (tmp_path / "harm").exists()


def test_the_command_says_how_it_is_called(capsys) -> None:
    assert main([]) == 2 and "CHECKPOINT FOLDER" in capsys.readouterr().err
