"""Integrated gradients: (x − x′) · ∫ ∂score/∂x (Sundararajan et al. 2017, arXiv:1703.01365)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context
from torchesegeta.methods.path_method import PathMethod, completeness_gap
from torchesegeta.methods.readouts import WeightedSum, input_gradient, need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Readout


@register("integrated_gradients")
class IntegratedGradients(PathMethod):
    """Each voxel's share of the score's change from a baseline to the image; the shares add up to it."""

    title = "Integrated gradients"
    family = "Path"
    source = "Sundararajan et al. 2017, arXiv:1703.01365"
    quantity = "share of the score"

    multiply_by_inputs: bool = Field(True, description="Multiply by x − baseline; without, the mean gradient.")

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        if not self.multiply_by_inputs:
            return WeightedSum(input_gradient)
        return WeightedSum(input_gradient, lambda total: total * (context.image - need(context.baseline)))

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """Completeness gap: |Σ map − Δscore| / |Δscore|."""
        return completeness_gap(values, context) if self.multiply_by_inputs else {}
