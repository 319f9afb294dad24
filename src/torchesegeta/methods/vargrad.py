"""VarGrad: variance of ∂score/∂x over x + noise (Adebayo et al. 2018, arXiv:1810.03307)."""

from __future__ import annotations

from torchesegeta.methods.base import Context
from torchesegeta.methods.noise_method import NoiseMethod
from torchesegeta.methods.readouts import Variance, input_gradient
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Readout


@register("vargrad")
class VarGrad(NoiseMethod):
    """The variance of the gradient over noisy copies of the image."""

    title = "VarGrad"
    family = "Noise"
    source = "Adebayo et al. 2018, arXiv:1810.03307"
    quantity = "var ∂score/∂x"

    @property
    def signed(self) -> bool:
        """Never."""
        return False

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return Variance(input_gradient)
