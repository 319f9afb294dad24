"""ROAD: remove and debias, by noisy linear imputation (Rong et al. 2022, arXiv:2202.00449)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from torchesegeta.features import VOXELS
from torchesegeta.metrics.base import Case, Measurement
from torchesegeta.metrics.curve_metric import Curve, CurveMetric, drawn
from torchesegeta.metrics.registry import register
from torchesegeta.metrics.sufficiency import ascending
from torchesegeta.sweeps import BothWays, Change, Imputed, Ranked


@register("road")
class Road(CurveMetric):
    """The score without the lowest voxels less that without the highest, where what is gone is filled in.

    A hole of one colour gives away where something was; here each voxel that is gone becomes the weighted mean of its
    neighbours, also where these are gone (one linear system), plus a little noise. The mean over the shares, in units
    of the score; `highest_first` and `lowest_first` are the means of the two curves.
    """

    title = "ROAD (noisy linear imputation)"
    source = "Rong et al. 2022, arXiv:2202.00449"
    better = "higher"
    span = "in units of the score; chance is 0"

    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9), min_length=1, description="Shares of the voxels that go, ascending."
    )
    noise: float = Field(0.01, ge=0, description="Standard deviation of the noise, as a share of the image's range.")

    @field_validator("shares")
    @classmethod
    def _ascending(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        return ascending(shares)

    @property
    def points(self) -> int:
        """Two for each share."""
        return 2 * len(self.shares)

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        return Ranked(VOXELS, Imputed(self.noise), self.shares, sign=self.sign)

    def change(self, case: Case) -> Change:
        """From both ends."""
        return BothWays(self.ranked)

    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """The mean gap between the two halves of the scores."""
        highest, lowest = np.split(scores, 2)
        measures = {"highest_first": float(highest.mean()), "lowest_first": float(lowest.mean()), "whole": whole}
        curves = {"highest_first": highest, "lowest_first": lowest}
        return drawn(float((lowest - highest).mean()), measures, shares, curves)
