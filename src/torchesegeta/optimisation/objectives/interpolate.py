"""`Interpolate`: the pictures of one problem lead from one objective to another."""

from __future__ import annotations

import torch
from torch import Tensor

from torchesegeta.optimisation.objectives.base import Pair, Seen


class Interpolate(Pair):
    """(1 − t) · one + t · other, where t rises evenly from 0 for the first picture to 1 for the last."""

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        one, other = self.one.value(seen), self.other.value(seen)
        share = torch.linspace(0, 1, len(seen.pictures)).to(one)
        return (1 - share) * one + share * other
