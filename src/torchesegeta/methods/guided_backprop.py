"""Guided backpropagation (Springenberg et al. 2015, arXiv:1412.6806)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from torchesegeta.methods.base import Context
from torchesegeta.methods.readouts import input_gradient, layer_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Guided
from torchesegeta.sweeps import Gradient, Read, Readout, Sweep


@register("guided_backprop")
class GuidedBackprop(RuleMethod):
    """The gradient along which every activation only rises: crisp edges of what speaks for the target.

    A ReLU passes relu(g) · [x > 0] back, any other activation f its continuation max(0, f′(x) · relu(g)). The record
    names the activations that were met; a model without one is refused unless `unknown` allows it.
    """

    title = "Guided backpropagation"
    source = "Springenberg et al. 2015, arXiv:1412.6806"
    quantity = "guided ∂score/∂x"

    layers: tuple[str, ...] = Field((), description="Layers whose guided gradients are wanted besides the image's.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass under the rule."""
        return (Gradient(Guided(unknown=self.unknown)),)

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """The image, and the method's own layers."""
        return (None, *self.layers)

    def reads_at(self, layer: str | None) -> Read:
        """The gradient at the place."""
        return Read.INPUT_GRADIENT if layer is None else Read.LAYER_GRADIENT

    def readout(self, context: Context) -> Readout:
        """(C, *spatial), or the layer's shape."""
        return single(input_gradient if context.layer is None else layer_gradient)
