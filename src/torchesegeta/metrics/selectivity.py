"""Selectivity (Montavon et al. 2018, arXiv:1706.07979)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, BaselineField
from torchesegeta.features import GRID, FeaturesField
from torchesegeta.metrics.registry import register
from torchesegeta.metrics.removal_metric import RemovalMetric
from torchesegeta.sweeps import Plain, Ranked


@register("selectivity")
class Selectivity(RemovalMetric):
    """How fast the score falls while patches are taken out one after the other, the strongest first.

    The area under the curve, scaled as that of `deletion`; `area` is that under the scores.
    """

    title = "Selectivity"
    source = "Montavon et al. 2018, arXiv:1706.07979"

    features: FeaturesField = Field(GRID, description="The patches; ranked by their mean in the map.")
    baseline: BaselineField = Field(ZERO, description="What stands in the place of a patch.")

    @property
    def points(self) -> int:
        """About as many as there are patches by default."""
        return 64

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        return Ranked(self.features, Plain(self.baseline), None, sign=self.sign)
