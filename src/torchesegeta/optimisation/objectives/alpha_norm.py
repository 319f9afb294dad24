"""`AlphaNorm`: holds values near zero (Mahendran and Vedaldi 2014, arXiv:1412.0035)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen


@dataclass(frozen=True)
class AlphaNorm(Objective):
    """−mean |x|^α over a picture's values: with a large α hardly anything below 1, and soon a wall above it."""

    alpha: float = 6.0

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return -seen.pictures.flatten(1).abs().pow(self.alpha).mean(1)
