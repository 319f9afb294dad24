"""Which axis of an array is what."""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.errors import InputError

Array = TypeVar("Array", Tensor, NDArray[Any])

MOST_COLOURS = 4
"""A first axis up to this long can be taken for channels where nothing else tells."""


def to_channels_first(array: Array, *, spatial_dims: int | None = None, name: str = "image") -> Array:
    """The array as (C, *spatial).

    With `spatial_dims` there is no doubt: that many axes are one channel, one more is (C, *spatial), two more are
    (1, C, *spatial). Without it:

    - 2 axes: (H, W);
    - 3 axes: (C, H, W), whatever the length of the first;
    - 4 axes: (C, D, H, W), except (1, C, H, W) where the first is 1 and the second at most 4;
    - 5 axes: (1, C, D, H, W).

    Args:
        array: Tensor or array of 2 to 5 axes.
        spatial_dims: 2 or 3 where the caller knows.
        name: What the array is called in messages.

    Raises:
        InputError: Another number of axes, a batch of more than one, or an empty axis.
    """
    shape = tuple(array.shape)
    dims = spatial_dims if spatial_dims is not None else _guess(shape)
    surplus = len(shape) - dims
    if dims not in (2, 3) or surplus not in (0, 1, 2):
        allowed = "(C, H, W), (C, D, H, W), or one of these with a batch axis of 1"
        wanted = f" for {spatial_dims} spatial axes" if spatial_dims is not None else ""
        raise InputError(f"{name} has shape {shape}, which cannot be read{wanted}; allowed: {allowed}")
    if surplus == 2 and shape[0] != 1:
        raise InputError(f"{name} has shape {shape}, a batch of {shape[0]}; give one image at a time")
    if 0 in shape:
        raise InputError(f"{name} is empty: its shape is {shape}")
    return array[None] if surplus == 0 else array[0] if surplus == 2 else array


def _guess(shape: tuple[int, ...]) -> int:
    if len(shape) == 4 and shape[0] == 1 and shape[1] <= MOST_COLOURS:
        return 2
    return 3 if len(shape) > 3 else 2
