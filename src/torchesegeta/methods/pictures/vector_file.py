"""Vectors of a layer by the thousand, on disk: memory holds a block of them at a time."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 2**23
"""Bytes of a block in memory."""

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


class VectorFile:
    """Rows of float32 of one length, appended to a temporary file that goes with the object.

    Attributes:
        count: Rows.
        width: Length of a row; 0 before the first.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="torchesegeta-")  # noqa: SIM115 - closed with the object
        weakref.finalize(self, self._file.close)
        self.count = self.width = 0

    def append(self, vectors: Tensor) -> None:
        """Add rows (n, width).

        Raises:
            ValueError: They are not as long as those before.
        """
        if self.width not in (0, vectors.shape[1]):
            raise ValueError(f"vectors of length {vectors.shape[1]} follow some of length {self.width}")
        self.width = vectors.shape[1]
        self._file.write(np.ascontiguousarray(vectors.detach().float().cpu().numpy()).tobytes())
        self.count += len(vectors)

    def blocks(self, rows: Rows, least: int = 1) -> Iterator[tuple[slice, Floats]]:
        """The wanted rows in their order, block by block, each of at least `least` rows where there are so many.

        Yields:
            Where the block lies among the wanted rows, and the block.
        """
        from sklearn.utils import gen_batches

        self._file.flush()
        stored = np.memmap(self._file, np.float32, "r", shape=(self.count, self.width))
        size = max(least, BLOCK // (4 * self.width))
        for part in gen_batches(len(rows), size, min_batch_size=least):
            yield part, np.asarray(stored[rows[part]])

    def means(self, rows: Rows, groups: Rows, count: int) -> Floats:
        """The mean of each group's rows: (count, width); 0 for a group without.

        Args:
            rows: Those that count.
            groups: The group of each of them.
            count: Groups.
        """
        sums = np.zeros((count, self.width), np.float64)
        for part, block in self.blocks(rows):
            np.add.at(sums, groups[part], block)
        sizes = np.bincount(groups, minlength=count)
        return (sums / np.maximum(sizes, 1)[:, None]).astype(np.float32)
