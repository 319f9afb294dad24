"""Gradient norm: the length of ∂score/∂x over the channels at every voxel."""

from pydantic import Field
from torch import Tensor

from torchesegeta.methods import Context, Method, register
from torchesegeta.methods.readouts import input_gradient, single
from torchesegeta.sweeps import Gradient, Readout, Sample, Sweep


@register("gradient_norm")
class GradientNorm(Method):
    """The length of the gradient over the channels: one positive map for images of any number of channels."""

    title = "Gradient norm"
    family = "Gradient"
    source = "example of a plug-in"
    quantity = "‖∂score/∂x‖"

    order: float = Field(2.0, gt=0, le=100, description="Order of the norm.")

    @property
    def signed(self) -> bool:
        """A length has no sign."""
        return False

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass, shared with all methods that read it."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial)."""

        def function(sample: Sample) -> Tensor:
            norm: Tensor = input_gradient(sample).norm(self.order, dim=1, keepdim=True)
            return norm

        return single(function)
