"""Guided backpropagation (Springenberg et al. 2015, arXiv:1412.6806)."""

from __future__ import annotations

from torchesegeta.methods.backprop_method import BackpropMethod
from torchesegeta.methods.registry import register
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Guided
from torchesegeta.sweeps import Gradient, Sweep


@register("guided_backprop")
class GuidedBackprop(RuleMethod, BackpropMethod):
    """The gradient along which every activation only rises: crisp edges of what speaks for the target.

    A ReLU passes relu(g) · [x > 0] back, any other activation f its continuation max(0, f′(x) · relu(g)). The record
    names the activations that were met; a model without one is refused unless `unknown` allows it.
    """

    title = "Guided backpropagation"
    source = "Springenberg et al. 2015, arXiv:1412.6806"
    quantity = "guided ∂score/∂x"

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass under the rule."""
        return (Gradient(Guided(unknown=self.unknown)),)
