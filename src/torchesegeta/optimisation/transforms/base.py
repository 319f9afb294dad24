"""What a transform is: a random, differentiable change of pictures before the model sees them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Transform(ABC):
    """A frozen, hashable value; drawing is apart from applying, so that a change can be made again.

    All pictures of a step get the same draw: what a picture becomes does not depend on its neighbours.
    """

    @abstractmethod
    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> Any:
        """What is random about it, for pictures of a spatial shape; `source` is on the CPU."""

    @abstractmethod
    def apply(self, pictures: Tensor, drawn: Any) -> Tensor:
        """(B, C, *spatial) changed; the spatial shape may differ."""

    def __call__(self, pictures: Tensor, source: torch.Generator) -> Tensor:
        """Draw and apply."""
        return self.apply(pictures, self.draw(source, tuple(pictures.shape[2:])))
