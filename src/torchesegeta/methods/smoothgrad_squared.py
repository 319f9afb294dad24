"""SmoothGrad²: mean of (∂score/∂x)² over x + noise (Hooker et al. 2019, arXiv:1806.10758)."""

from __future__ import annotations

from torchesegeta.methods.base import Context
from torchesegeta.methods.estimator import Estimator
from torchesegeta.methods.noise_method import NoiseMethod
from torchesegeta.methods.readouts import Mean, input_gradient
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Readout


@register("smoothgrad_squared")
class SmoothGradSquared(Estimator, NoiseMethod):
    """The mean squared gradient over noisy copies of the image."""

    title = "SmoothGrad²"
    family = "Noise"
    source = "Hooker et al. 2019, arXiv:1806.10758"
    quantity = "mean (∂score/∂x)²"

    @property
    def signed(self) -> bool:
        """Never."""
        return False

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return self.stopping(Mean(lambda sample: input_gradient(sample).square()))
