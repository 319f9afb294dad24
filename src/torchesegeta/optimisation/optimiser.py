"""How parameters are changed: torch's optimisers, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

TINY = 1e-12
FUSED = ("cpu", "cuda")
"""Where torch has Adam in one operation."""


@dataclass(frozen=True)
class Optimiser:
    """An optimiser of `torch.optim`, and what is done to gradients before it.

    Attributes:
        kind: `adam` or `sgd`.
        rate: Learning rate.
        momentum: Of `sgd`.
        dampening: Of `sgd`'s momentum.
        weight_decay: As in `torch.optim`.
        normalised: Each picture's gradient is divided by its mean magnitude, so that the rate is in the units of what
            is changed (Mordvintsev et al. 2015); for parameters whose first axis counts pictures.
    """

    kind: Literal["adam", "sgd"] = "adam"
    rate: float = 0.05
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    normalised: bool = False

    def over(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        """The optimiser of some parameters."""
        if self.kind == "adam":
            fused = all(p.is_floating_point() and p.device.type in FUSED for p in parameters)
            return torch.optim.Adam(parameters, lr=self.rate, weight_decay=self.weight_decay, fused=fused)
        return torch.optim.SGD(
            parameters,
            lr=self.rate,
            momentum=self.momentum,
            dampening=self.dampening,
            weight_decay=self.weight_decay,
        )

    def scale(self, parameters: Sequence[Tensor]) -> None:
        """Make the gradients at parameters, (pictures, ...) each, what the optimiser takes."""
        for parameter in parameters if self.normalised else ():
            if parameter.grad is not None:
                size = parameter.grad.abs().flatten(1).mean(1).clamp(min=TINY)
                parameter.grad /= size.view(-1, *(1,) * (parameter.ndim - 1))
