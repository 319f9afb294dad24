"""Random logit: is the map of another class another map? (Sixt et al. 2020, arXiv:1912.09818)."""

from __future__ import annotations

from math import isnan

from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.metrics.base import Case, Measurement, Reading, RepeatMetric
from torchesegeta.metrics.registry import register
from torchesegeta.metrics.similarity import both_zero, cautions, similarities
from torchesegeta.sweeps import OtherClass, Variation


@register("random_logit")
class RandomLogit(RepeatMetric):
    """How alike the map is to that of another class, drawn at random: the structural similarity where either is not 0.

    A map that is the same whatever is explained explains nothing. Of segmentations the other class is one that is
    predicted somewhere, over its own region. Further figures are the other similarities, among them the published
    `ssim` of the whole map, and `both_zero` (see `cascading_randomisation`).
    """

    title = "Random logit"
    family = "Randomisation"
    source = "Sixt et al. 2020, arXiv:1912.09818"
    better = "lower"
    span = "-1 to 1"

    seed: int = Field(0, ge=0, description="Of the class.")

    def variation(self) -> Variation:
        """The same image, another class."""
        return OtherClass(self.seed)

    def reading(self, case: Case) -> Reading:
        """Similarities to the map."""
        return _Alike(case.values)


class _Alike(Reading):
    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.found: dict[str, float] = {}
        self.empty = 0.0

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        self.found, self.empty = similarities(self.values, values), both_zero(self.values, values)

    def measurement(self) -> Measurement:
        if isnan(self.found["ssim_inside"]):
            raise IncompatibleError("the maps are narrower than 3 voxels, or that of the other class says nothing")
        others = {name: value for name, value in self.found.items() if name != "ssim_inside"}
        return Measurement(
            self.found["ssim_inside"], {**others, "both_zero": self.empty}, warnings=cautions(self.empty)
        )
