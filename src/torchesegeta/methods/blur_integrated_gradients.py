"""Blur integrated gradients: ∫ ∂score/∂x · dx from a blurred image to the image (Xu et al. 2020, arXiv:2004.03383)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.path_method import completeness_gap, more_steps
from torchesegeta.methods.readouts import WeightedSum, share_of_score
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Blur, Readout, Sweep


@register("blur_integrated_gradients")
class BlurIntegratedGradients(Method):
    """Each voxel's share of the score's change as the image comes into focus; the shares add up to it."""

    title = "Blur integrated gradients"
    family = "Path"
    source = "Xu et al. 2020, arXiv:2004.03383"
    quantity = "share of the score"

    sigma: float = Field(10.0, gt=0, le=1000, description="Largest standard deviation of the blur, in voxels.")
    steps: int = Field(50, ge=1, le=10_000, description="Points on the path: forward and backward passes.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One path of blurred images."""
        return (Blur(self.sigma, self.steps),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return WeightedSum(share_of_score, weighted=False)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """Completeness gap: |Σ map − Δscore| / |Δscore|, from the blurred image to the image."""
        return completeness_gap(values, context)

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A large completeness gap."""
        return more_steps(measures, self.steps)
