"""What methods share whose map is what comes back to the image, and to layers if they are named."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.readouts import input_gradient, layer_gradient, single
from torchesegeta.sweeps import Read, Readout


class BackpropMethod(Method):
    """A method whose map is the gradient of a pass, or what its rule makes of it."""

    layers: tuple[str, ...] = Field((), description="Layers that are wanted besides the image.")

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """The image, and the method's own layers."""
        return (None, *self.layers)

    def reads_at(self, layer: str | None) -> Read:
        """What comes back to the place."""
        return Read.INPUT_GRADIENT if layer is None else Read.LAYER_GRADIENT

    def readout(self, context: Context) -> Readout:
        """(C, *spatial), or the layer's shape."""
        return single(input_gradient if context.layer is None else layer_gradient)
