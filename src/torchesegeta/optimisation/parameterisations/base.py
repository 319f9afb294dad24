"""What a parameterisation is: the numbers that an optimiser changes, and the pictures they stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Blank:
    """What a canvas is begun for: pictures of one shape, each with a draw of its own.

    Attributes:
        shape: (C, *spatial) of a picture.
        names: Of each picture the key of its problem, which names its draws, and its number in the problem.
        image: (C, *spatial), the image explained, of whatever size; dtype and device are its.
        given: (pictures, C, *spatial), where they start; None: the parameterisation decides.
    """

    shape: tuple[int, ...]
    names: tuple[tuple[str, int], ...]
    image: Tensor
    given: Tensor | None = None

    @property
    def spatial(self) -> tuple[int, ...]:
        """The spatial shape."""
        return self.shape[1:]


class Canvas(ABC):
    """Pictures under way.

    Attributes:
        parameters: Leaves that take gradients; what belongs to a picture depends on no other picture, unless the
            parameterisation shares on purpose among those of one problem.
    """

    parameters: list[Tensor]

    @abstractmethod
    def render(self) -> Tensor:
        """The pictures as they stand: (pictures, C, *spatial), differentiable in the parameters."""

    def settle(self) -> None:  # noqa: B027 - most have no bounds
        """Called after each step, without gradients, for parameters that must stay within bounds."""


class Parameterisation(ABC):
    """The specification of a canvas: frozen and hashable."""

    @abstractmethod
    def begin(self, blank: Blank) -> Canvas:
        """A canvas of pictures at their start."""
