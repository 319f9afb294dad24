"""What a reader hands over: values as stored, and the grid of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs.geometry import invert, largest_shift
from torchesegeta.types import Grid

SAME_PLACE = 0.01
"""Two grids are the same where no voxel is farther than this many voxels from its twin."""


@dataclass(frozen=True, eq=False)
class Source:
    """One file.

    Attributes:
        name: The file's name, for messages.
        values: (C, *spatial), real numbers in the file's own type.
        grid: The file's grid.
    """

    name: str
    values: NDArray[Any]
    grid: Grid


def as_float(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    """The values as float32.

    Raises:
        InputError: They are no real numbers, or not finite: how many are not, and where the first lies.
    """
    if values.dtype.kind not in "buif":
        raise InputError(f"{name} holds values of type {values.dtype}; allowed: booleans, integers, floats")
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32, copy=False)
    check_finite(numbers, name)
    return numbers


def check_finite(values: NDArray[np.float32], name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        InputError: With their number and the place of the first.
    """
    finite = np.isfinite(values)
    if finite.all():
        return
    count = int((~finite).sum())
    channel, *voxel = (int(i) for i in np.unravel_index(finite.argmin(), finite.shape))
    place = f"channel {channel}, voxel {tuple(voxel)}"
    raise InputError(f"{name} has {count} NaN/Inf voxels, the first at {place}; replace them before explaining")


def check_same_grid(first: str, one: Grid, second: str, two: Grid, why: str) -> None:
    """Refuse two named files that do not lie voxel on voxel.

    Raises:
        InputError: Naming both files and what differs: shape or affine.
    """
    if one.shape != two.shape:
        raise InputError(f"{first} has shape {one.shape}, {second} has shape {two.shape}; {why}")
    if one.affine is None or two.affine is None:
        return
    shift = largest_shift(invert(one.affine) @ two.affine, one.shape)
    if shift > SAME_PLACE:
        raise InputError(f"{first} and {second} have different affines: up to {shift:.3g} voxels apart; {why}")


def join_channels(sources: Sequence[Source]) -> Source:
    """Several files as the channels of one image.

    Raises:
        InputError: Two of them differ in shape or affine.
    """
    first, *others = sources
    for other in others:
        check_same_grid(
            first.name, first.grid, other.name, other.grid, "the channels of an image must share their grid"
        )
    if not others:
        return first
    return Source(first.name, np.concatenate([as_float(s.values, s.name) for s in sources]), first.grid)
