"""`Jitter`: pictures shifted by whole voxels, so that none always lies at the same place of the model's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.lengths import capped, check


@dataclass(frozen=True)
class Jitter(Transform):
    """What leaves on one side is gone, and 0 enters on the other; `Roll` brings it back in.

    Attributes:
        distance: At most so many voxels along each axis, either way; each whole number is as likely.
        share: The distance is at most this share of the axis.
    """

    distance: int
    share: float = 0.5

    def __post_init__(self) -> None:
        check("distance", self.distance, self.share)

    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> tuple[int, ...]:
        """Voxels along each axis, towards its end."""
        reaches = [capped(self.distance, self.share, size) for size in spatial]
        return tuple(int(torch.randint(-reach, reach + 1, (), generator=source)) for reach in reaches)

    def apply(self, pictures: Tensor, drawn: Sequence[int]) -> Tensor:
        """See `Transform.apply`."""
        return functional.pad(pictures, [side for shift in reversed(drawn) for side in (shift, -shift)])
