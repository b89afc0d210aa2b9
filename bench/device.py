"""Devices: which one a command runs on, what it is called, and how much memory it took at most."""

import sys
from pathlib import Path

from bench.errors import BenchError, UnknownName

DEVICES = ("auto", "cpu", "cuda")
_FORGET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def chosen(device: str) -> str:
    """Return cpu or cuda; `auto` is cuda where torch finds one.

    Raises:
        UnknownName: none of `DEVICES`.
        BenchError: there is no CUDA device.
    """
    if device not in DEVICES:
        raise UnknownName("device", device, DEVICES)
    if device == "cpu":
        return device
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise BenchError("--device cuda: torch finds no CUDA device here; leave it at auto")
    return "cuda" if has_cuda else "cpu"


def hardware(device: str) -> str:
    """Return `cpu`, or `cuda` and what the device calls itself."""
    if device == "cpu":
        return device
    import torch

    return f"cuda, {torch.cuda.get_device_name()}"


def forget_peak(device: str) -> None:
    """Begin to measure the peak of memory anew, where the system can; else it remains that of the whole process."""
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    try:
        _FORGET.write_text("5", encoding="utf-8")
    except OSError:
        return


def peak_mib(device: str) -> float:
    """Return what was held at most: on a CPU by the process, on a GPU by its tensors; MiB."""
    if device != "cpu":
        import torch

        return float(torch.cuda.max_memory_allocated()) / 2**20
    try:
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration, ValueError):
        import resource

        whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return whole / (2**20 if sys.platform == "darwin" else 2**10)
