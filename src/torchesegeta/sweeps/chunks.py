"""How many points run at once, and what happens when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import torch

CPU_VOXELS = 2**18
"""Voxels a chunk may hold on a CPU: beyond that a larger batch is no faster, and its memory is wasted. Below, torch
takes slow convolutions for small maps that come alone."""
GPU_SHARE = 0.6
"""Share of the free GPU memory a chunk may take; workers on one GPU share that."""
GPU_SIGNS = ("alloc_failed", "unable to find a valid cudnn algorithm", "unable to find an engine to execute")
"""What libraries on a GPU say where they get no memory."""
MOST = 8
"""Most points in a chunk: memory is the same for 10 and for 1,000 points."""

log = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the machine, ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in said for sign in ("out of memory", "can't allocate memory", *GPU_SIGNS)
    )


class Chunks:
    """Splits a sweep into chunks.

    Args:
        voxels: Voxels of one point; its channels count for little beside those of the layers.
        device: Where the model runs.
        size: Points at once; None chooses.
        least: Points that a chunk is never halved below.
        room: On a CPU, how many times the usual voxels a chunk may hold.
        sharing: Workers that share the device.
    """

    def __init__(
        self,
        voxels: int,
        device: torch.device,
        size: int | None = None,
        *,
        least: int = 1,
        room: int = 1,
        sharing: int = 1,
    ) -> None:
        self.device, self.least, self.sharing = device, least, sharing
        self._grow = size is None and device.type == "cuda"
        self.size = size or (1 if device.type == "cuda" else max(1, min(MOST, room * CPU_VOXELS // voxels)))

    def split(self, count: int) -> Iterator[range]:
        """Ranges of points; later ones are smaller once memory ran out."""
        start = 0
        while start < count:
            chunk = range(start, min(start + self.size, count))
            yield chunk
            start = chunk.stop

    def run(self, chunk: range, work: Callable[[range], None]) -> None:
        """Run a chunk; on running out of memory halve it, and go on with the halves.

        Raises:
            Exception: What `work` raised, also out-of-memory once a single point does not fit.
        """
        try:
            self._measured(chunk, work)
        except Exception as error:
            if not is_out_of_memory(error) or len(chunk) <= self.least:
                raise
            self._grow = False
            self.size = len(chunk) // 2
            log.warning("out of memory with %d points at once; going on with %d", len(chunk), self.size)
        else:
            return
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        middle = chunk.start + len(chunk) // 2
        self.run(range(chunk.start, middle), work)
        self.run(range(middle, chunk.stop), work)

    def _measured(self, chunk: range, work: Callable[[range], None]) -> None:
        """Run a chunk; on a GPU the first one tells how many points fit."""
        if not self._grow:
            return work(chunk)
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        work(chunk)
        used = max(1, torch.cuda.max_memory_allocated(self.device) - before)
        free, _ = torch.cuda.mem_get_info(self.device)
        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        self.size = max(1, min(MOST, int(GPU_SHARE * (free / self.sharing + kept) / used)))
        self._grow = False
        return None
