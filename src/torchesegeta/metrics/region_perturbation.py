"""Region perturbation: the area over the perturbation curve (Samek et al. 2017, arXiv:1509.06321)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from torchesegeta.baselines import BaselineField
from torchesegeta.features import Features, FeaturesField
from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.curve_metric import Curve, CurveMetric, drawn
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Plain, Ranked, Uniform


@register("region_perturbation")
class RegionPerturbation(CurveMetric):
    """How far the score falls on average while regions are replaced, those that the map ranks highest first.

    The published area over the curve: the mean of f(x) − f(x after k regions) over k = 0 … L, in units of the score.
    With `order` lowest, what the map ranks last goes first, and the score should hold out.
    """

    title = "Region perturbation (AOPC)"
    source = "Samek et al. 2017, arXiv:1509.06321"
    better = "higher"
    span = "in units of the score"

    regions: int | None = Field(100, ge=1, description="How many regions are replaced at most (L); null: all.")
    features: FeaturesField = Field(
        Features(kind="blocks", size=9), description="The regions; ranked by their mean in the map."
    )
    order: Literal["highest", "lowest"] = Field("highest", description="Which regions go first.")
    baseline: BaselineField | None = Field(
        None, description="What stands in the place of a region; without: uniform draws from the channel's range."
    )

    @property
    def points(self) -> int:
        """About the number of regions."""
        return self.regions or 100

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        fill = Uniform() if self.baseline is None else Plain(self.baseline)
        return Ranked(self.features, fill, None, self.regions, self.order, sign=self.sign)

    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """The area over the curve."""
        curve = np.append(whole, scores)
        return drawn(float((whole - curve).mean()), {"whole": whole}, np.append(0, shares), {"score": curve})
