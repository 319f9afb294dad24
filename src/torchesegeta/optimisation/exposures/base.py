"""What an exposure is: how the model is shown what is optimised, where that is not the picture itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

Expose = Callable[[Tensor], Tensor]


class Exposure(ABC):
    """A frozen, hashable value; nothing about it is random.

    Attributes:
        views: How many inputs of the model a picture makes.
    """

    views: int

    @abstractmethod
    def over(self, image: Tensor) -> Expose:
        """What makes of pictures (B, …) the model's inputs (B · views, C, *spatial), a picture's views together.

        Args:
            image: (C, *spatial), the image explained.
        """
