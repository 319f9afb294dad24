"""What an exposure is: how the model is shown what is optimised, where that is not the picture itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

Expose = Callable[[Tensor], Tensor]


class Exposure(ABC):
    """A frozen, hashable value; nothing about it is random.

    Attributes:
        has_empty: Whether pictures may show nothing of the image.
    """

    has_empty: ClassVar[bool] = False

    @property
    @abstractmethod
    def views(self) -> int:
        """How many inputs of the model a picture makes."""

    @abstractmethod
    def over(self, image: Tensor) -> Expose:
        """What makes of pictures (B, …) the model's inputs (B · views, C, *spatial), a picture's views together.

        Args:
            image: (C, *spatial), the image explained.
        """

    def empty(self, image: Tensor) -> Tensor:
        """What the model is shown where a picture shows nothing of the image: (C, *spatial).

        Args:
            image: (C, *spatial), the image explained.
        """
        raise TypeError(f"{type(self).__name__} always shows something of the image")
