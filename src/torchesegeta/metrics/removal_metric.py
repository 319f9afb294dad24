"""What metrics share that take the image out, feature by feature, the strongest first, until nothing is left."""

from __future__ import annotations

import numpy as np

from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.curve_metric import Curve, CurveMetric, area_under


class RemovalMetric(CurveMetric):
    """A metric whose curve falls early where the map is right."""

    better = "lower"
    span = "mostly 0 to 1; chance is near 0.5 where the score is about linear"

    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """The area under the curve from the image to nothing."""
        nothing = float(scores[-1])
        return area_under(np.append(0, shares), np.append(whole, scores), whole=whole, nothing=nothing)
