"""`Weighted`: a layer's channels by weights, everywhere or in a window."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.places import Place
from torchesegeta.optimisation.objectives.vectors import Vector, along_channels


@dataclass(frozen=True)
class Window:
    """A box of a layer's places.

    Attributes:
        start: Its first place.
        size: Places along each axis.
    """

    start: Place
    size: tuple[int, ...]

    def of(self, activation: Tensor, layer: str) -> Tensor:
        """What lies in it of an activation (m, channels, *places).

        Raises:
            IncompatibleError: It does not lie in the layer.
        """
        shape = tuple(activation.shape[2:])
        inside = len(self.start) == len(self.size) == len(shape) and all(
            start >= 0 and 1 <= size <= whole - start
            for start, size, whole in zip(self.start, self.size, shape, strict=True)
        )
        if not inside:
            raise IncompatibleError(
                f"the window from {self.start}, {self.size} wide, is not in {layer!r}, {shape} wide"
            )
        box = tuple(slice(start, start + size) for start, size in zip(self.start, self.size, strict=True))
        return activation[(slice(None), slice(None), *box)]


@dataclass(frozen=True, eq=False)
class Weighted(Objective):
    """Mean over channels and places of the activation times its channel's weight.

    Attributes:
        layer: The layer.
        weights: (channels,).
        window: Which places count; None: all.
    """

    layer: str
    weights: Vector
    window: Window | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        activation = seen.layer(self.layer)
        weights = along_channels(self.weights, activation, self.layer, "list of weights")
        within = activation if self.window is None else self.window.of(activation, self.layer)
        return (within * weights).flatten(1).mean(1)
