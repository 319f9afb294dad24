"""`Shared`: the pictures of a problem have a coarse part in common (Mordvintsev et al. 2018, distill.00012)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.draws import normal
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.parameterisations.fourier import Fourier
from torchesegeta.optimisation.resize import coarse, enlarge


@dataclass(frozen=True)
class Shared(Parameterisation):
    """A part of each picture's own, and coarse layers that all pictures of one problem share: they become comparable.

    Attributes:
        own: Of what each picture has for itself.
        factors: By how much the shared layers are coarser than the picture; they are enlarged linearly.
        deviation: Of the shared layers at the start; where pictures start from given ones, these layers start at 0.
    """

    own: Parameterisation = field(default_factory=Fourier)
    factors: tuple[int, ...] = (2, 4, 8)
    deviation: float = 0.01

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        problems = list(dict.fromkeys(key for key, _ in blank.names))
        like = at_least_single(blank.image)
        deviation = self.deviation if blank.given is None else 0.0
        common = []
        for factor in self.factors:
            shape = (blank.shape[0], *coarse(blank.spatial, factor))
            draws = [normal(shape, f"{key}|shared {factor}", 0) for key in problems]
            common.append(deviation * torch.stack(draws).to(like))
        return SharedCanvas(self.own.begin(blank), common, [problems.index(key) for key, _ in blank.names])


class SharedCanvas(Canvas):
    """Another canvas, and shared layers (problems, C, *size); `rows` tells each picture's problem."""

    def __init__(self, own: Canvas, common: Sequence[Tensor], rows: Sequence[int]) -> None:
        self.own, self.rows = own, list(rows)
        self.common = [layer.requires_grad_() for layer in common]
        self.parameters = [*own.parameters, *self.common]

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        pictures = self.own.render()
        for layer in self.common:
            pictures = pictures + enlarge(layer, pictures.shape[2:])[self.rows].to(pictures)
        return pictures

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.own.settle()
