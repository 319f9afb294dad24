"""`Pad`: a border, so that what shifts and turns does not leave the picture at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.lengths import capped, check


@dataclass(frozen=True)
class Pad(Transform):
    """A border on both sides of every axis.

    Attributes:
        width: Of the border, in voxels.
        mode: What it holds: a `constant`, or the picture mirrored without its outermost voxel (`reflect`), which fits
            pictures in any units.
        value: The constant, in the picture's units: one, or one for each channel.
        share: The border is at most this share of the axis.
    """

    width: int
    mode: Literal["constant", "reflect"] = "constant"
    value: float | tuple[float, ...] = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        check("width", self.width, self.share)
        if self.mode not in ("constant", "reflect"):
            raise ValueError(f"mode is {self.mode!r}; allowed: 'constant', 'reflect'")

    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> None:
        """Nothing is random about it."""

    def apply(self, pictures: Tensor, drawn: None) -> Tensor:
        """See `Transform.apply`.

        Raises:
            IncompatibleError: The border to mirror is as wide as the picture, or there are more or fewer constants
                than channels.
        """
        spatial = pictures.shape[2:]
        widths = [capped(self.width, self.share, size) for size in spatial]
        sides = [width for width in reversed(widths) for _ in range(2)]
        if self.mode == "constant":
            return _constant(pictures, sides, self.value)
        if any(width >= size for width, size in zip(widths, spatial, strict=True)):
            raise IncompatibleError(
                f"pad width {widths} cannot be mirrored of {list(spatial)} voxels; take less, or the mode 'constant'"
            )
        return functional.pad(pictures, sides, mode="reflect")


def _constant(pictures: Tensor, sides: list[int], value: float | tuple[float, ...]) -> Tensor:
    if not isinstance(value, tuple):
        return functional.pad(pictures, sides, value=value)
    channels = pictures.unbind(1)
    if len(value) != len(channels):
        raise IncompatibleError(f"pad value {value} has {len(value)} numbers; the picture has {len(channels)} channels")
    padded = [functional.pad(channel, sides, value=number) for channel, number in zip(channels, value, strict=True)]
    return torch.stack(padded, dim=1)
