"""Saliency: |∂score/∂x| (Simonyan et al. 2013, arXiv:1312.6034)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.readouts import input_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Readout, Sweep


@register("saliency")
class Saliency(Method):
    """Magnitude of the score's gradient at every voxel: where a small change would change the score most."""

    title = "Saliency"
    family = "Gradient"
    source = "Simonyan et al. 2013, arXiv:1312.6034"
    quantity = "|∂score/∂x|"

    absolute: bool = Field(True, description="Take the absolute value of the gradient.")

    @property
    def signed(self) -> bool:
        """Only without the absolute value."""
        return not self.absolute

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return single(lambda sample: input_gradient(sample).abs() if self.absolute else input_gradient(sample))
