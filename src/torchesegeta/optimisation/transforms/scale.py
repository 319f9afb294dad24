"""`Scale`: pictures a little larger or smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from torchesegeta.arrays import LINEAR
from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.fit import fit

DIGITS = 6
"""A size is a whole number of voxels where it is one but for rounding: 1.1 · 50 is 55."""


@dataclass(frozen=True)
class Scale(Transform):
    """Linear interpolation, corner on corner, to ⌈factor · size⌉ voxels; what is smaller gets a border of 0.

    Attributes:
        factors: One of these is drawn, each as likely; the same along all axes.
    """

    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.factors or min(self.factors) <= 0:
            raise ValueError(f"factors is {self.factors}; at least one is needed, all above 0")

    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> float:
        """The factor."""
        return self.factors[int(torch.randint(len(self.factors), (), generator=source))]

    def apply(self, pictures: Tensor, drawn: float) -> Tensor:
        """See `Transform.apply`: at least as large as before."""
        before = pictures.shape[2:]
        after = [ceil(round(drawn * size, DIGITS)) for size in before]
        scaled = functional.interpolate(pictures, size=after, mode=LINEAR[len(after)], align_corners=True)
        return fit(scaled, [max(sizes) for sizes in zip(before, after, strict=True)])
