import sys

import numpy as np
import pytest

from bench.errors import BenchError, UnknownName
from bench.runtime import device


def test_a_missing_device_is_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.chosen("auto") == device.chosen("cpu") == "cpu"
    with pytest.raises(BenchError, match="torch finds no CUDA device here; leave it at auto"):
        device.chosen("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.chosen("auto") == device.chosen("cuda") == "cuda"
    with pytest.raises(UnknownName, match="cdua"):
        device.chosen("cdua")


def test_the_peak_counts_memory_that_was_freed():
    device.forget_peak("cpu")  # or an earlier test's peak would hide this one
    before = device.peak_mib("cpu")
    held = np.ones(2**26)
    del held
    assert device.peak_mib("cpu") >= before + 400


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_the_peak_can_be_reset():
    held = np.ones(2**26)
    del held
    before = device.peak_mib("cpu")
    device.forget_peak("cpu")
    assert device.peak_mib("cpu") < before - 400


def test_without_proc_the_peak_is_that_of_getrusage(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(device, "_FORGET", tmp_path / "none" / "none")
    device.forget_peak("cpu")
    assert device.peak_mib("cpu") > 10


def test_the_name_of_a_gpu_is_reported(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    assert device.hardware("cuda") == "cuda, Some GPU"
    assert device.hardware("cpu") == "cpu"


def test_free_memory_respects_the_kernel_and_the_containers_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(device, "_GROUP", tmp_path)
    assert device.free_bytes("cpu") is None
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    assert device.free_bytes("cpu") == 4000 * 1024
    for name, text in (("max", "3000000\n"), ("current", "2500000\n"), ("stat", "anon 5\ninactive_file 100000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert device.free_bytes("cpu") == 3000000 - 2500000 + 100000
    (tmp_path / "memory.max").write_text("max\n")
    assert device.free_bytes("cpu") == 4000 * 1024
    (tmp_path / "meminfo").write_text("MemAvailable: much\n")
    assert device.free_bytes("cpu") is None
