"""Insertion: the score while the strongest voxels come first (Petsiuk et al. 2018, arXiv:1806.07421)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from torchesegeta.baselines import Baseline, BaselineField
from torchesegeta.features import VOXELS, FeaturesField
from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.curve_metric import Curve, CurveMetric, area_under, even_shares
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Plain, Ranked


@register("insertion")
class Insertion(CurveMetric):
    """How fast the score rises while what the map ranks highest is put back first: the area under its curve.

    It begins with the baseline, by default the blurred image, as published: sharp edges of what is put into an even
    image may look like objects. Scaled as that of `deletion`.
    """

    title = "Insertion"
    source = "Petsiuk et al. 2018, arXiv:1806.07421"
    better = "higher"
    span = "mostly 0 to 1; chance is near 0.5 where the score is about linear"

    steps: int = Field(32, ge=1, description="Number of changed images, the first of which is the baseline.")
    features: FeaturesField = Field(VOXELS, description="What is put back as one; ranked by its mean in the map.")
    baseline: BaselineField = Field(Baseline(kind="blur"), description="What it begins with.")

    @property
    def points(self) -> int:
        """The number of steps."""
        return self.steps

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        shares = (0.0, *even_shares(self.steps)[:-1])
        return Ranked(self.features, Plain(self.baseline), shares, alone=True, sign=self.sign)

    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """The area under the curve from nothing to the image."""
        nothing = float(scores[0])
        return area_under(np.append(shares, 1), np.append(scores, whole), whole=whole, nothing=nothing)
