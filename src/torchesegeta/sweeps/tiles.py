"""Parts of an input that are run one after the other, where the whole does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from torch import Tensor


@dataclass(frozen=True)
class Window:
    """A box of voxels; `whole` where it is all of them."""

    box: tuple[slice, ...]
    whole: bool = False

    def of(self, tensor: Tensor) -> Tensor:
        """The part of a tensor (B, C, *spatial), a view."""
        return tensor[(slice(None), slice(None), *self.box)]


def windows(spatial: Sequence[int], tile: int | None) -> list[Window]:
    """Windows of equal size that cover all voxels; where sizes do not divide, they overlap.

    Args:
        spatial: Voxels along each axis.
        tile: Voxels along each axis of a window; None: one window.
    """
    if tile is None or all(size <= tile for size in spatial):
        return [Window(tuple(slice(0, size) for size in spatial), whole=True)]
    axes = [_spans(size, min(tile, size)) for size in spatial]
    return [Window(box) for box in product(*axes)]


def _spans(size: int, tile: int) -> list[slice]:
    count = -(-size // tile)
    starts = [round(n * (size - tile) / max(1, count - 1)) for n in range(count)]
    return [slice(start, start + tile) for start in starts]
