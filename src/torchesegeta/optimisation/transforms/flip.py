"""`Flip`: pictures mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.transforms.base import Transform


@dataclass(frozen=True)
class Flip(Transform):
    """Mirrored along each axis by a coin of its own.

    Attributes:
        axes: Spatial axes, from 0; None: all.
        probability: That an axis is mirrored.
    """

    axes: tuple[int, ...] | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability is {self.probability:g}; it must lie between 0 and 1")

    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> tuple[int, ...]:
        """The spatial axes to mirror.

        Raises:
            IncompatibleError: There is no such axis.
        """
        axes = range(len(spatial)) if self.axes is None else self.axes
        for axis in axes:
            if not 0 <= axis < len(spatial):
                raise IncompatibleError(f"flip axis {axis} does not exist; allowed: 0 to {len(spatial) - 1}")
        coins = torch.rand(len(axes), generator=source).tolist()
        return tuple(axis for axis, coin in zip(axes, coins, strict=True) if coin < self.probability)

    def apply(self, pictures: Tensor, drawn: Sequence[int]) -> Tensor:
        """See `Transform.apply`."""
        return pictures.flip([2 + axis for axis in drawn])
