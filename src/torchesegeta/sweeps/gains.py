"""What the steps of an optimisation brought: the best pictures so far, and for how long nothing has been gained."""

from __future__ import annotations

import torch
from torch import Tensor

from torchesegeta.sweeps.optimise import Optimise


class Gains:
    """The values of some pictures, step by step.

    Attributes:
        moved: (pictures,), whether the objective had a slope at some step.
    """

    moved: Tensor

    def __init__(self, sweep: Optimise) -> None:
        self.patience, self.keeps = sweep.patience, sweep.keep == "best"
        self.values: Tensor | None = None
        self.pictures: Tensor | None = None
        self.without_gain: Tensor | None = None
        self._over = False

    def note(self, values: Tensor, pictures: Tensor, gradient: Tensor) -> None:
        """Take in a step.

        Args:
            values: (pictures,), the objectives before the step.
            pictures: (pictures, C, *spatial), before the step.
            gradient: Of the objectives at the pictures.
        """
        if self._over:
            return
        slope = gradient.flatten(1).any(1)
        if self.values is None:
            self.moved, self.values = slope, values
            self._over = self.patience is None and not self.keeps and bool(slope.all())  # there is no more to know
            self.pictures = pictures.clone() if self.keeps else None
            self.without_gain = torch.zeros_like(values, dtype=torch.long)
            return
        assert self.without_gain is not None
        self.moved = self.moved | slope
        gain = self.patience.gain * self.values.abs() if self.patience is not None else 0.0
        self.without_gain = torch.where(values > self.values + gain, 0, self.without_gain + 1)
        higher = values > self.values
        self.values = torch.where(higher, values, self.values)
        if self.pictures is not None:
            self.pictures[higher] = pictures[higher]

    @property
    def stalled(self) -> bool:
        """Whether no picture has gained anything for as long as the patience lasts."""
        if self.patience is None or self.without_gain is None:
            return False
        return int(self.without_gain.min()) >= self.patience.steps

    def better_than(self, values: Tensor, pictures: Tensor) -> Tensor | None:
        """The best pictures, where earlier ones beat the final ones; None where none does, or none is kept."""
        if self.pictures is None or self.values is None or not bool((self.values > values).any()):
            return None
        earlier = (self.values > values).view(-1, *(1,) * (pictures.ndim - 1))
        return torch.where(earlier, self.pictures, pictures)
