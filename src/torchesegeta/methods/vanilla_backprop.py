"""Vanilla backpropagation: ∂score/∂x, at the input and at layers (Simonyan et al. 2013, arXiv:1312.6034)."""

from __future__ import annotations

from torchesegeta.methods.backprop_method import BackpropMethod
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Sweep


@register("vanilla_backprop")
class VanillaBackprop(BackpropMethod):
    """The score's gradient with its sign, at the image and at each layer named."""

    title = "Vanilla backpropagation"
    family = "Gradient"
    source = "Simonyan et al. 2013, arXiv:1312.6034"
    quantity = "∂score/∂x"

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)
