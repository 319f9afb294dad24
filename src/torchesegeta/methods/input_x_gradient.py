"""Input × gradient: x · ∂score/∂x (Shrikumar et al. 2016, arXiv:1605.01713)."""

from __future__ import annotations

from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.readouts import input_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Readout, Sweep


@register("input_x_gradient")
class InputXGradient(Method):
    """Each voxel's value times the score's gradient there: its share of the score, were the model linear."""

    title = "Input × gradient"
    family = "Gradient"
    source = "Shrikumar et al. 2016, arXiv:1605.01713"
    quantity = "x · ∂score/∂x"

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return single(lambda sample: context.image * input_gradient(sample))
