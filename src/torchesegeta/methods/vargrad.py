"""VarGrad: variance of ∂score/∂x over x + noise (Adebayo et al. 2018, arXiv:1810.03307)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.base import Context
from torchesegeta.methods.noise_method import NoiseMethod
from torchesegeta.methods.readouts import RealVariance, input_gradient
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Readout


@register("vargrad")
class VarGrad(NoiseMethod):
    """The variance of the gradient over noisy copies of the image.

    A model that is linear around the image has the same gradient at every copy. What rounding leaves of its variance is
    no map: values below it are 0.
    """

    title = "VarGrad"
    family = "Noise"
    source = "Adebayo et al. 2018, arXiv:1810.03307"
    quantity = "var ∂score/∂x"

    @property
    def signed(self) -> bool:
        """Never."""
        return False

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """The share of the values whose variance is more than rounding."""
        return {"above_rounding": float((values > 0).double().mean())}

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """That there is no map."""
        if measures["above_rounding"] > 0:
            return []
        return ["the gradient is the same at every noisy copy but for rounding: its variance is 0, which says nothing"]

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return RealVariance(input_gradient)
