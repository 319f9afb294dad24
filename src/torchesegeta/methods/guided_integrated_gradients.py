"""Guided integrated gradients: along a path that avoids large gradients (Kapishnikov et al. 2021, arXiv:2106.09788)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.baselines import ZERO, BaselineField, baseline_warning
from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.path_method import completeness_gap, more_steps
from torchesegeta.methods.readouts import WeightedSum, share_of_score
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import GuidedPath, Readout, Sweep


@register("guided_integrated_gradients")
class GuidedIntegratedGradients(Method):
    """Each voxel's share of the score's change along a path on which voxels of small gradient move first."""

    title = "Guided integrated gradients"
    family = "Path"
    source = "Kapishnikov et al. 2021, arXiv:2106.09788"
    quantity = "share of the score"

    baseline: BaselineField = Field(ZERO, description="What stands for 'nothing there': a value, a name or an image.")
    steps: int = Field(50, ge=1, le=10_000, description="Steps of the path: passes for every target.")
    fraction: float = Field(0.25, gt=0, le=1, description="Share of all voxels that move at a time, cheapest first.")
    reach: float = Field(0.02, ge=0, le=1, description="How far a voxel may leave the straight line, of the whole way.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One guided path."""
        return (GuidedPath(self.baseline, self.steps, self.fraction, self.reach),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return WeightedSum(share_of_score, weighted=False)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """Completeness gap: |Σ map − Δscore| / |Δscore|."""
        return completeness_gap(values, context)

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A baseline that is not the background; a large completeness gap."""
        said = baseline_warning(self.baseline, context.image)
        return [*([] if said is None else [said]), *more_steps(measures, self.steps)]
