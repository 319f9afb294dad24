"""Infidelity: E[(Σ I·φ − (f(x) − f(x − I)))²] (Yeh et al. 2019, arXiv:1901.09392)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.baselines import ZERO, BaselineField
from torchesegeta.metrics.base import Case, Measurement, ScoreMetric, ScoreReading
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import BlockOut, Change, Noisy, NoisyBaseline, Read, Sample


@register("infidelity")
class Infidelity(ScoreMetric):
    """How far the map, times a change of the image, is from the change of the score: the mean squared error.

    The value is the published one, and grows with the square of the map's scale and of the score's. Further figures:
    `beta`, the factor for the map that makes the error least; `normalised`, the error with that factor; `unexplained`,
    that error as a share of the mean square change of the score, between 0 and 1.
    """

    title = "Infidelity"
    family = "Faithfulness"
    source = "Yeh et al. 2019, arXiv:1901.09392"
    better = "lower"
    span = "0 and more, in squares of the score"
    scale_free = False
    needs = "nothing"
    reads = Read.SCORE | Read.INPUT_CHANGE

    perturbation: Literal["gaussian", "square", "baseline"] = Field(
        "gaussian",
        description="What is taken off the image: noise; a square or cube at a random place, down to the baseline; or "
        "all of it, down to the baseline plus noise.",
    )
    samples: int = Field(32, ge=1, description="Number of perturbations.")
    sigma: float = Field(
        0.1, ge=0, description="Standard deviation of the noise, as a share of the image's range (not of squares)."
    )
    share: float = Field(0.25, gt=0, le=1, description="Side of a square as a share of the image's.")
    baseline: BaselineField = Field(ZERO, description="What is left of the image where it is taken away.")

    @property
    def points(self) -> int:
        """The number of perturbations."""
        return self.samples

    def change(self, case: Case) -> Change:
        """One series for all maps."""
        match self.perturbation:
            case "gaussian":
                return Noisy(self.samples, self.sigma)
            case "square":
                return BlockOut(self.samples, self.share, self.baseline)
            case "baseline":
                return NoisyBaseline(self.samples, self.sigma, self.baseline)

    def reading(self, case: Case) -> ScoreReading:
        """Products with the map, and changes of the score."""
        return _Errors(case.on_image)


class _Errors(ScoreReading):
    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.expected: list[Tensor] = []
        self.found: list[Tensor] = []

    def update(self, sample: Sample) -> None:
        assert sample.scores is not None and sample.input_change is not None
        change = sample.input_change.double()
        self.expected.append((change * self.values.to(change)).flatten(1).sum(1).cpu())
        self.found.append((sample.whole_score - sample.scores.double()).cpu())

    def measurement(self) -> Measurement:
        expected, found = torch.cat(self.expected), torch.cat(self.found)
        power = float(expected.square().mean())
        beta = float((expected * found).mean()) / power if power > 0 else 0.0
        least = float((beta * expected - found).square().mean())
        whole = float(found.square().mean())
        measures = {"beta": beta, "normalised": least, "unexplained": least / whole if whole > 0 else 0.0}
        return Measurement(float((expected - found).square().mean()), measures)
