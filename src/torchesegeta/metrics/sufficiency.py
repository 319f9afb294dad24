"""Sufficiency: what of the score the strongest voxels alone bring (DeYoung et al. 2020, arXiv:1911.03429)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from torchesegeta.baselines import ZERO, BaselineField
from torchesegeta.features import VOXELS, FeaturesField
from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.curve_metric import Curve, CurveMetric, drawn, span_of
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Plain, Ranked


@register("sufficiency")
class Sufficiency(CurveMetric):
    """How much of the score is missing where only what the map ranks highest is left: the mean over some shares.

    As a share of the way to the score of the baseline: 0 where a small part of the image does all, 1 where it does as
    little as nothing. (Dasgupta et al. 2022 use the word for something else, which needs a set of images.)
    """

    title = "Sufficiency"
    source = "DeYoung et al. 2020, arXiv:1911.03429"
    better = "lower"
    span = "mostly 0 to 1"

    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.01, 0.05, 0.1, 0.2, 0.5), min_length=1, description="Shares of the image that are left, ascending."
    )
    features: FeaturesField = Field(VOXELS, description="What is left as one; ranked by its mean in the map.")
    baseline: BaselineField = Field(ZERO, description="What stands in the place of all else.")

    @field_validator("shares")
    @classmethod
    def _ascending(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        return ascending(shares)

    @property
    def points(self) -> int:
        """One for each share, and the baseline."""
        return 1 + len(self.shares)

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        return Ranked(self.features, Plain(self.baseline), (0.0, *self.shares), alone=True, sign=self.sign)

    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """The mean of what is missing; shares that round to no feature at all do not count."""
        nothing = float(scores[0])
        missing = (whole - scores) / span_of(whole, nothing)
        measures = {"whole": whole, "nothing": nothing}
        value = float(np.mean(missing[1:])) if len(missing) > 1 else float(missing[0])
        return drawn(value, measures, shares, {"score": scores, "missing": missing})


def ascending(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Shares that ascend.

    Raises:
        ValueError: They do not.
    """
    if list(shares) != sorted(set(shares)):
        raise ValueError(f"expected ascending shares, got {list(shares)}")
    return shares
