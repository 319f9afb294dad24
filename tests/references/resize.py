"""Linear resizing of a map, axis by axis, voxel centres at half-integers."""

import math

import torch
from torch import Tensor


def resize(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(C, *spatial) to (C, *shape): linear in each axis, edges held."""
    for axis, size in enumerate(shape, start=1):
        values = _resize_axis(values, axis, size)
    return values


def _resize_axis(values: Tensor, axis: int, size: int) -> Tensor:
    old = values.shape[axis]
    slabs = []
    for i in range(size):
        position = min(max((i + 0.5) * old / size - 0.5, 0.0), old - 1.0)
        below = math.floor(position)
        above = min(below + 1, old - 1)
        share = position - below
        slabs.append((1 - share) * values.select(axis, below) + share * values.select(axis, above))
    return torch.stack(slabs, dim=axis)
