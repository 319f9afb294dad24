"""Expected gradients: integrated gradients averaged over baselines (Erion et al. 2021, arXiv:1906.10670)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, BaselinesField, baseline_warning
from torchesegeta.methods.base import Context
from torchesegeta.methods.estimator import Estimator
from torchesegeta.methods.readouts import Mean, share_of_score
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Noise, Readout, Sweep


@register("expected_gradients")
class ExpectedGradients(Estimator):
    """Each voxel's expected share of the score: one random point between a random baseline and the image per sample."""

    title = "Expected gradients"
    family = "Path"
    source = "Erion et al. 2021, arXiv:1906.10670"
    quantity = "share of the score"

    samples: int = Field(200, ge=1, le=100_000, description="Random points: forward and backward passes.")
    baselines: BaselinesField = Field((ZERO,), description="One baseline or several; each sample draws one.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One series of random points, without noise."""
        return (Noise(self.samples, 0.0, self.baselines),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return self.stopping(Mean(share_of_score))

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """Baselines that are not the background; a large standard error."""
        said = (baseline_warning(b, context.image) for b in self.baselines)
        return [*(s for s in said if s is not None), *super().cautions(measures, context)]
