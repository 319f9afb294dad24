"""SmoothGrad: mean of ∂score/∂x over x + noise (Smilkov et al. 2017, arXiv:1706.03825)."""

from __future__ import annotations

from torchesegeta.methods.base import Context
from torchesegeta.methods.noise_method import NoiseMethod
from torchesegeta.methods.readouts import WeightedSum, input_gradient
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Readout


@register("smoothgrad")
class SmoothGrad(NoiseMethod):
    """The mean gradient over noisy copies of the image: less grainy than a single gradient."""

    title = "SmoothGrad"
    family = "Noise"
    source = "Smilkov et al. 2017, arXiv:1706.03825"
    quantity = "mean ∂score/∂x"

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return WeightedSum(input_gradient)
