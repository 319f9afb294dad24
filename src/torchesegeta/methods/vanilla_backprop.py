"""Vanilla backpropagation: ∂score/∂x, at the input and at layers (Simonyan et al. 2013, arXiv:1312.6034)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.readouts import input_gradient, layer_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Read, Readout, Sweep


@register("vanilla_backprop")
class VanillaBackprop(Method):
    """The score's gradient with its sign, at the image and at each layer named."""

    title = "Vanilla backpropagation"
    family = "Gradient"
    source = "Simonyan et al. 2013, arXiv:1312.6034"
    quantity = "∂score/∂x"

    layers: tuple[str, ...] = Field((), description="Layers whose gradients are wanted besides the image's.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """The image, and the method's own layers."""
        return (None, *self.layers)

    def reads_at(self, layer: str | None) -> Read:
        """The gradient at the place."""
        return Read.INPUT_GRADIENT if layer is None else Read.LAYER_GRADIENT

    def readout(self, context: Context) -> Readout:
        """(C, *spatial), or the layer's shape."""
        return single(input_gradient if context.layer is None else layer_gradient)
