"""`Roll`: pictures shifted round their borders, so that no voxel always lies at the same place of the model's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.optimisation.transforms.base import Transform


@dataclass(frozen=True)
class Roll(Transform):
    """What leaves on one side comes in on the other (Mordvintsev et al. 2015).

    Attributes:
        distance: At most so many voxels along each axis, either way.
    """

    distance: int

    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(torch.randint(-self.distance, self.distance + 1, (len(spatial),), generator=source).tolist())

    def apply(self, pictures: Tensor, drawn: Sequence[int]) -> Tensor:
        """See `Transform.apply`."""
        return pictures.roll(tuple(drawn), tuple(range(2, pictures.ndim)))
