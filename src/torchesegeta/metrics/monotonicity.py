"""Monotonicity: does every feature that joins raise the score? (Arya et al. 2019, arXiv:1909.03012)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from torchesegeta.baselines import ZERO, BaselineField
from torchesegeta.features import GRID, FeaturesField
from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.curve_metric import Curve, CurveMetric, drawn
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Plain, Ranked


@register("monotonicity")
class Monotonicity(CurveMetric):
    """The share of steps at which the score does not fall while features join, those that the map ranks lowest first.

    `monotone`, 1 or 0, is the published figure: whether that is so at every step. It asks for evidence that is positive
    everywhere, so read it with magnitudes, or not at all where parts of the image speak against the target.
    """

    title = "Monotonicity"
    source = "Arya et al. 2019, arXiv:1909.03012"
    better = "higher"
    span = "0 to 1"

    features: FeaturesField = Field(GRID, description="What joins as one; ranked by its mean in the map.")
    baseline: BaselineField = Field(ZERO, description="What it begins with.")

    @property
    def points(self) -> int:
        """About as many as there are features by default."""
        return 64

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        return Ranked(self.features, Plain(self.baseline), None, first="lowest", alone=True, sign=self.sign)

    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """The share of steps."""
        holds = np.diff(scores) >= 0
        value = float(holds.mean()) if len(holds) else 1.0
        return drawn(value, {"monotone": float(holds.all())}, shares, {"score": scores})
