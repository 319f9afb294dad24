"""Deletion: the score while the strongest voxels go first (Petsiuk et al. 2018, arXiv:1806.07421)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, BaselineField
from torchesegeta.features import VOXELS, FeaturesField
from torchesegeta.metrics.curve_metric import even_shares
from torchesegeta.metrics.registry import register
from torchesegeta.metrics.removal_metric import RemovalMetric
from torchesegeta.sweeps import Plain, Ranked


@register("deletion")
class Deletion(RemovalMetric):
    """How fast the score falls while what the map ranks highest is taken out first: the area under its curve.

    The curve is scaled, 1 for the score of the image and 0 for that of the baseline, so that targets and images
    compare; `area` is that under the scores themselves, which is the published figure where they are probabilities.
    A map that is right has a small area. Equal values of the map come in random order. A map that is the same
    everywhere ranks nothing and has no value; what chance gives says `chance`.
    """

    title = "Deletion"
    source = "Petsiuk et al. 2018, arXiv:1806.07421"

    steps: int = Field(32, ge=1, description="Number of changed images, the last of which is the baseline.")
    features: FeaturesField = Field(VOXELS, description="What is taken out as one; ranked by its mean in the map.")
    baseline: BaselineField = Field(ZERO, description="What stands in its place.")

    @property
    def points(self) -> int:
        """The number of steps."""
        return self.steps

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        return Ranked(self.features, Plain(self.baseline), even_shares(self.steps), sign=self.sign)
