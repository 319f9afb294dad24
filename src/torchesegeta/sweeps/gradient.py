"""`Gradient`: the image itself, one forward pass and one backward pass per target."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import Points, Sweep


@dataclass(frozen=True)
class Gradient(Sweep):
    """One pass at the image, with the gradients of autograd or those of a rule."""

    rule: Rule | None = None

    @property
    def count(self) -> int:
        """One."""
        return 1

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return _Single(image)


class _Single(Points):
    is_image = True

    def __init__(self, image: Tensor) -> None:
        self.image = image
        self.weights = torch.ones(1, device=image.device, dtype=image.dtype)

    def at(self, indices: range) -> Tensor:
        return self.image[None]
