"""`TotalVariation`: keeps pictures smooth in pieces (Mahendran and Vedaldi 2014, arXiv:1412.0035)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen

TINY = 1e-12
"""A square below which a step counts as none: for β < 2 the root has no slope there."""


@dataclass(frozen=True)
class TotalVariation(Objective):
    """−mean (Σ (x_next − x)²)^(β/2) over a picture's values; Σ over its spatial axes, no step past the border."""

    beta: float = 2.0

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        x = seen.pictures
        steps = [x.diff(dim=axis, append=x.narrow(axis, -1, 1)) for axis in range(2, x.ndim)]
        square = torch.stack(steps).square().sum(0)
        return -square.clamp(min=TINY).pow(self.beta / 2).flatten(1).mean(1)
