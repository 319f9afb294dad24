"""Deconvolution (Zeiler & Fergus 2014, arXiv:1311.2901)."""

from __future__ import annotations

from torchesegeta.methods.base import Context
from torchesegeta.methods.readouts import input_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Deconvolution as DeconvolutionRule
from torchesegeta.sweeps import Gradient, Readout, Sweep


@register("deconvolution")
class Deconvolution(RuleMethod):
    """The gradient with every activation passing back what is positive, whatever it let through on the way up."""

    title = "Deconvolution"
    source = "Zeiler & Fergus 2014, arXiv:1311.2901"
    quantity = "deconvolved ∂score/∂x"

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass under the rule."""
        return (Gradient(DeconvolutionRule(unknown=self.unknown)),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return single(input_gradient)
