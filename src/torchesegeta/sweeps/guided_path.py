"""`GuidedPath`: a path from a baseline to the image that each gradient leads on (Kapishnikov et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.baselines import ZERO, Baseline
from torchesegeta.sweeps.base import Points, Sweep


@dataclass(frozen=True)
class GuidedPath(Sweep):
    """`steps` passes, one after the other and for each target apart.

    Attributes:
        origin: Where the path begins.
        steps: Each takes an equal part of the distance from the baseline to the image.
        fraction: Voxels of small gradient go first: this share of all at a time.
        reach: How far a voxel may be ahead of the straight line or behind it, as a share of the way.
    """

    origin: Baseline = ZERO
    steps: int = 50
    fraction: float = 0.25
    reach: float = 0.02

    @property
    def count(self) -> int:
        """The number of steps."""
        return self.steps

    @property
    def needs_ends(self) -> bool:
        """True: completeness is checked against the score's change."""
        return True

    def baseline(self, image: Tensor, key: str) -> Tensor:
        """The path's origin, (C, *spatial)."""
        return self.origin.resolve(image, seed=f"{key}|{self.origin!r}")

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return Walk(image, self.baseline(image, key), self)

    def passes(self, targets: int, reads: object, count: int | None = None) -> dict[str, int]:
        """See `Sweep.passes`: the targets' paths part."""
        return {"forward": self.steps * targets + 2, "backward": self.steps * targets}


class Walk(Points):
    """A walk along the path: where it is, and how a gradient leads it on.

    Attributes:
        share: (C, *spatial), how much of its way each voxel has gone.
    """

    def __init__(self, image: Tensor, origin: Tensor, sweep: GuidedPath) -> None:
        self.image, self.origin, self.sweep = image, origin, sweep
        self.distance = (image - origin).abs()
        self.weights = torch.full((sweep.steps,), 1 / sweep.steps, dtype=image.dtype, device=image.device)
        self.restart()

    def restart(self) -> None:
        """Go back to the origin."""
        self.share = torch.zeros_like(self.image)

    def at(self, indices: range) -> Tensor:
        """Where the walk is; it cannot be anywhere else."""
        return torch.lerp(self.origin, self.image, self.share)[None]

    def advance(self, slope: Tensor, step: int) -> Tensor:
        """Take a step, and give the change of the input, (C, *spatial).

        Args:
            slope: (C, *spatial), the gradient where the walk is.
            step: Number of the step, from 0.
        """
        before = self.at(range(1))[0]
        done = (step + 1) / self.sweep.steps
        if done == 1:
            self.share = torch.ones_like(self.share)
        else:
            self.share = self.share.clamp(min=max(0.0, done - self.sweep.reach))
            self._spend(slope.abs(), min(1.0, done + self.sweep.reach), (1 - done) * float(self.distance.sum()))
        return self.at(range(1))[0] - before

    def _spend(self, cost: Tensor, limit: float, goal: float) -> None:
        """Move the cheapest voxels up to the limit, until the distance that is left is the goal."""
        place = 1 + int(self.sweep.fraction * (cost.numel() - 1))
        while True:
            excess = float((self.distance * (1 - self.share)).sum()) - goal
            moving = (self.share < limit) & (self.distance > 0)
            if excess <= 0 or not bool(moving.any()):
                return
            costs = torch.where(moving, cost, torch.inf)
            moving &= costs <= costs.flatten().kthvalue(place).values
            gain = float((self.distance * (limit - self.share))[moving].sum())
            part = min(1.0, excess / gain)
            if part == 1.0:
                self.share = torch.where(moving, limit, self.share)
            else:
                self.share = torch.where(moving, self.share + part * (limit - self.share), self.share)
                return
