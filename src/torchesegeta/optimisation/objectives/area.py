"""`Area`: how far a mask is from covering a given share (Fong, Patrick & Vedaldi 2019, arXiv:1910.08485)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen

EQUAL = 1e-5
"""Values closer than this are equal: more than rounding takes them apart."""


@dataclass(frozen=True)
class Area(Objective):
    """Minus the mean square by which a mask's sorted values miss 1 over the share, and 0 elsewhere.

    Where voxels of equal value lie on both sides of the edge, as they do in a mask that is the same everywhere, all of
    them miss the same number between 0 and 1: the order in which they happen to be sorted decides nothing.

    Attributes:
        share: Of the mask's voxels.
        weight: At the first step.
        growth: Of the weight from step to step.
    """

    share: float
    weight: float = 300.0
    growth: float = 1.0035

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        values = seen.pictures.flatten(1).sort(1).values
        edge = int(values.shape[1] * (1 - self.share))
        wanted = torch.zeros_like(values)
        wanted[:, edge:] = 1
        level = values.detach()
        equal = (level - level[:, edge : edge + 1]).abs() < EQUAL
        wanted = torch.where(equal, (wanted * equal).sum(1, keepdim=True) / equal.sum(1, keepdim=True), wanted)
        return -self.weight * self.growth**seen.step * ((values - wanted) ** 2).mean(1)
