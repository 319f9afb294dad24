"""`Pixels`: every voxel is a number of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.draws import normal
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation


@dataclass(frozen=True)
class Pixels(Parameterisation):
    """The picture itself, from N(0, deviation²) unless it starts from a given one."""

    deviation: float = 0.01

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        if blank.given is not None:
            return PixelCanvas(blank.given.clone())
        draws = [self.deviation * normal(blank.shape, key, number) for key, number in blank.names]
        return PixelCanvas(torch.stack(draws).to(blank.image))


class PixelCanvas(Canvas):
    """Pictures as they are: (pictures, C, *spatial)."""

    def __init__(self, start: Tensor) -> None:
        self.parameters = [start.requires_grad_()]

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        return self.parameters[0]
