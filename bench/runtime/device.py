"""Devices: which one a command runs on, its name, its free memory and the peak of the memory used."""

import sys
from pathlib import Path

from bench.errors import BenchError, UnknownName

DEVICES = ("auto", "cpu", "cuda")
_FORGET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_MEMORY, _GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def chosen(device: str) -> str:
    """Return `cpu` or `cuda`; `auto` is `cuda` if torch finds a CUDA device.

    Raises:
        UnknownName: `device` is not one of `DEVICES`.
        BenchError: `device` is `cuda` and there is no CUDA device.
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
    """Return `cpu`, or `cuda` and the device's name."""
    if device == "cpu":
        return device
    import torch

    return f"cuda, {torch.cuda.get_device_name()}"


def free_bytes(device: str) -> int | None:
    """Return the free memory in bytes; None if the system does not report it.

    On a CPU: the kernel's available memory, or what is left of the container's limit if that is less. On a GPU: the
    memory that no process holds, plus what this process has reserved and does not use.
    """
    if device != "cpu":
        import torch

        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0] + unused)
    try:
        lines = _MEMORY.read_text(encoding="utf-8").splitlines()
        available = next(int(line.split()[1]) * 2**10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
    left = _left_in_group()
    return available if left is None else min(available, left)


def _left_in_group() -> int | None:
    """Return what is left of the container's limit, not counting cached files; None without a limit."""
    try:
        limit, taken = (int((_GROUP / f"memory.{name}").read_text(encoding="utf-8")) for name in ("max", "current"))
        lines = (_GROUP / "memory.stat").read_text(encoding="utf-8").splitlines()
        files = sum(int(line.split()[1]) for line in lines if line.split()[0] == "inactive_file")
    except (OSError, ValueError):
        return None
    return max(limit - taken + files, 0)


def forget_peak(device: str) -> None:
    """Reset the peak of the memory used; where the system cannot, the peak stays that of the whole process."""
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    try:
        _FORGET.write_text("5", encoding="utf-8")
    except OSError:
        return


def peak_mib(device: str) -> float:
    """Return the peak of the memory used in MiB: on a CPU by the process, on a GPU by its tensors."""
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
