"""Memory: the peak of a sweep, what the machine has left."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_SYSTEM = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


class PeakMemory:
    """Measures the peak while it is open: of the GPU's allocator, or of the process on a CPU.

    Attributes:
        peak: Bytes, once it is closed. On a CPU it is the whole process's resident memory; None where the system does
            not tell.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.peak: int | None = None

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        elif _RESET.exists():
            with suppress(OSError):  # without the right to reset, the peak is that of the process so far
                _RESET.write_text("5")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.peak = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else resident_peak()


def resident_peak() -> int | None:
    """Highest resident memory of this process so far, in bytes; None where the system does not tell."""
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024 if "VmHWM" in lines else None
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available() -> int | None:
    """Bytes of memory that are free, or can be freed without swapping, also where a container sets a limit.

    None where the system does not tell.
    """
    if not _SYSTEM.exists():
        return None
    lines = dict(line.split(":", 1) for line in _SYSTEM.read_text().splitlines() if ":" in line)
    free = int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None
    left = [size for size in (free, _left_to_container()) if size is not None]
    return min(left, default=None)


def _left_to_container() -> int | None:
    with suppress(OSError, ValueError):  # no container, or one without a limit
        return int((_CONTAINER / "memory.max").read_text()) - int((_CONTAINER / "memory.current").read_text())
    return None
