"""GradientSHAP: expected gradient at random points between baselines and noisy images (Lundberg & Lee 2017)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, BaselinesField, baseline_warning
from torchesegeta.methods.base import Context
from torchesegeta.methods.estimator import Estimator
from torchesegeta.methods.noise_method import NoiseMethod
from torchesegeta.methods.readouts import Mean, share_of_score
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Noise, Readout, Sweep


@register("gradient_shap")
class GradientShap(Estimator, NoiseMethod):
    """Each voxel's expected share of the score: gradients between baselines and noisy copies, times the difference."""

    title = "GradientSHAP"
    family = "Noise"
    source = "Lundberg & Lee 2017, arXiv:1705.07874"
    quantity = "share of the score"

    sigma: float = Field(
        0.1, ge=0, le=10, description="Standard deviation of the noise, as a share of the image's range."
    )
    baselines: BaselinesField = Field((ZERO,), description="One baseline or several; each sample draws one.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One series of random points."""
        return (Noise(self.samples, self.sigma, self.baselines),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return self.stopping(Mean(share_of_score))

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """Baselines that are not the background; a large standard error."""
        said = (baseline_warning(b, context.image) for b in self.baselines)
        return [*(s for s in said if s is not None), *super().cautions(measures, context)]
