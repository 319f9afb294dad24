"""Arrays of whole volumes: in memory or, where that is short, in files that the system reads and writes by the page."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from torchesegeta.errors import StoreError
from torchesegeta.sweeps.memory import available

SHARE = 0.25
"""Share of the memory that is free which an array may take."""
SMALL = 2**26
"""Bytes below which an array stays in memory whatever is free."""

log = logging.getLogger(__name__)


class Scratch:
    """Makes arrays that patches are added up in.

    Files have no name once they are open, so nothing is left of them, even after a crash. Arrays on a GPU stay there.

    Args:
        folder: Where files are put; None: the system's folder for temporary files.
        limit: Bytes above which an array is a file; None: a quarter of the memory that is free when it is made.

    Attributes:
        mapped: How many arrays were put into files.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder, self.limit, self.mapped = folder, limit, 0

    def zeros(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Zeros of a shape, in the dtype and on the device of a tensor.

        Raises:
            StoreError: There is no room for the file.
        """
        count = prod(shape)
        if not self._is_large(like, count):
            return like.new_zeros(tuple(shape))
        return self._in_file(count, like.dtype).view(tuple(shape))

    def keep(self, values: Tensor) -> Tensor:
        """The same values, in a file where they are many.

        Raises:
            StoreError: As `zeros`.
        """
        large = self._is_large(values, values.numel())
        return self.zeros(values.shape, values).copy_(values) if large else values

    def _is_large(self, like: Tensor, count: int) -> bool:
        size = count * like.dtype.itemsize
        if like.device.type != "cpu":
            return False
        if self.limit is not None:
            return size > self.limit
        free = available()
        return size > SMALL and free is not None and size > SHARE * free

    def _in_file(self, count: int, dtype: torch.dtype) -> Tensor:
        try:
            handle, name = tempfile.mkstemp(prefix="torchesegeta-", dir=self.folder)
        except OSError as error:
            raise StoreError(f"no file for a volume can be made in {self.folder}: {error.strerror}") from error
        size = count * dtype.itemsize
        try:
            _reserve(handle, size)
            values = torch.from_file(name, shared=True, size=count, dtype=dtype)
        except OSError as error:
            raise StoreError(
                f"{Path(name).parent} has no room for a volume of {size / 2**30:.1f} GiB that memory does not hold: "
                f"{error.strerror}"
            ) from error
        finally:
            os.close(handle)
            with suppress(OSError):  # where open files cannot be removed
                Path(name).unlink()
        self.mapped += 1
        log.info("a volume of %.1f GiB is kept in a file", size / 2**30)
        return values


def _reserve(handle: int, size: int) -> None:
    """Give a file its size, so that a full disk is an error now and not a crash later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)
