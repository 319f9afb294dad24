"""SmoothGrad: mean of ∂score/∂x over x + noise (Smilkov et al. 2017, arXiv:1706.03825)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from torchesegeta.methods.base import Context
from torchesegeta.methods.estimator import Estimator
from torchesegeta.methods.noise_method import NoiseMethod
from torchesegeta.methods.readouts import Mean, input_gradient
from torchesegeta.methods.registry import register
from torchesegeta.rules import Guided
from torchesegeta.sweeps import Noise, Readout, Sweep


@register("smoothgrad")
class SmoothGrad(Estimator, NoiseMethod):
    """The mean gradient over noisy copies of the image: less grainy than a single gradient."""

    title = "SmoothGrad"
    family = "Noise"
    source = "Smilkov et al. 2017, arXiv:1706.03825"
    quantity = "mean ∂score/∂x"

    of: Literal["vanilla", "guided"] = Field(
        "vanilla", description="What is averaged: plain gradients, or those of guided backpropagation."
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One series of noisy copies."""
        return (Noise(self.samples, self.sigma, rule=Guided() if self.of == "guided" else None),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return self.stopping(Mean(input_gradient))
