"""What metrics share that follow a score while the image is taken apart, or put together, as a map ranks it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.metrics.base import Case, Measurement, ScoreMetric, ScoreReading
from torchesegeta.sweeps import Change, Ranked, Sample, Session, on_overlap

Curve = NDArray[np.float64]


class CurveMetric(ScoreMetric):
    """A metric that follows a score along the ranking of a map."""

    family = "Faithfulness"
    guided = True
    needs = "order"

    on: Literal["score", "dice"] = Field(
        "score",
        description="What is followed: the target's score; or, of segmentations, the Dice of the region predicted as "
        "its class with that predicted for the unperturbed image.",
    )
    sign: Literal["positive", "absolute"] = Field(
        "positive",
        description="How voxels are ranked, once the channels are summed: by what speaks for the target, or magnitude.",
    )

    def before(self, session: Session) -> Session:
        """See `ScoreMetric.before`."""
        return on_overlap(session) if self.on == "dice" else session

    def evidence(self, case: Case) -> Tensor:
        """What voxels are ranked by, (*spatial)."""
        summed = case.on_image.sum(0)
        return summed.abs() if self.sign == "absolute" else summed

    @property
    @abstractmethod
    def ranked(self) -> Ranked:
        """How the image is taken apart."""

    def change(self, case: Case) -> Change:
        """See `ScoreMetric.change`."""
        return self.ranked

    @abstractmethod
    def judge(self, whole: float, shares: Curve, scores: Curve) -> Measurement:
        """What the curve says.

        Args:
            whole: The unperturbed image's score.
            shares: Shares of the features that have come, point by point.
            scores: The scores there.

        Raises:
            IncompatibleError: Nothing can be said.
        """

    def reading(self, case: Case) -> ScoreReading:
        """The scores, in order."""
        return _Followed(self, np.array(self.ranked.came(case.image.data)))


class _Followed(ScoreReading):
    def __init__(self, metric: CurveMetric, shares: Curve) -> None:
        self.metric, self.shares = metric, shares
        self.scores: list[float] = []
        self.whole = 0.0

    def update(self, sample: Sample) -> None:
        assert sample.scores is not None
        self.whole = sample.whole_score
        self.scores += sample.scores.double().tolist()

    def measurement(self) -> Measurement:
        return self.metric.judge(self.whole, self.shares, np.array(self.scores))


def even_shares(steps: int) -> tuple[float, ...]:
    """So many shares, the last of which is 1."""
    return tuple(step / steps for step in range(1, steps + 1))


def area_under(shares: Curve, scores: Curve, *, whole: float, nothing: float) -> Measurement:
    """The area under a curve, between 0 for the score of the image without anything and 1 for that of the image.

    `area` is that under the scores as they are, as published for probabilities.

    Args:
        shares: From 0 to 1.
        scores: There.
        whole: The image's score.
        nothing: Without anything.

    Raises:
        IncompatibleError: The two are the same.
    """
    scaled = (scores - nothing) / span_of(whole, nothing)
    warnings = []
    if nothing > whole:
        warnings.append(
            f"the score is higher without the image ({nothing:.4g}) than with it ({whole:.4g}): what stands in its "
            "place speaks for the target; the curve still ranks maps, but choose another replacement"
        )
    measures = {"area": float(np.trapezoid(scores, shares)), "whole": whole, "nothing": nothing}
    return drawn(float(np.trapezoid(scaled, shares)), measures, shares, {"score": scores}, tuple(warnings))


def span_of(whole: float, nothing: float) -> float:
    """How far the score is from that without anything.

    Raises:
        IncompatibleError: It is the same.
    """
    if whole == nothing:
        raise IncompatibleError(
            f"the score is {whole:.4g} with the image and without it: nothing is a share of its change; "
            "choose another replacement"
        )
    return abs(whole - nothing)


def drawn(
    value: float, measures: dict[str, float], shares: Curve, curves: dict[str, Curve], warnings: tuple[str, ...] = ()
) -> Measurement:
    """A measurement with curves over shares."""
    steps = tuple(f"{share:.4g}" for share in shares)
    return Measurement(value, measures, steps, {name: curve.tolist() for name, curve in curves.items()}, warnings)
