"""Sensitivity: the largest relative change of the map near the image (Yeh et al. 2019, arXiv:1901.09392)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.metrics.base import Case, Measurement, Reading, RepeatMetric
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Nearby, Variation


@register("sensitivity")
class Sensitivity(RepeatMetric):
    """How much the map changes when the image hardly does: the largest ‖φ(x + ε) − φ(x)‖ / ‖φ(x)‖ over the samples.

    The target keeps its region, and a method that draws at random draws the same. The mean is a further figure.
    """

    title = "Sensitivity"
    family = "Robustness"
    source = "Yeh et al. 2019, arXiv:1901.09392"
    better = "lower"
    span = "0 and more"

    samples: int = Field(10, ge=1, description="Number of images around the image.")
    radius: float = Field(0.02, gt=0, description="Largest change of a voxel, as a share of the image's range.")

    def variation(self) -> Variation:
        """Images in a ball around the image."""
        return Nearby(self.samples, self.radius)

    def reading(self, case: Case) -> Reading:
        """Relative distances."""
        return _Distances(case.values)


class _Distances(Reading):
    def __init__(self, values: Tensor) -> None:
        self.values = values.double()
        self.size = float(self.values.norm())
        self.found: list[float] = []

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        self.found.append(float((values.double() - self.values).norm()) / self.size)

    def measurement(self) -> Measurement:
        return Measurement(max(self.found), {"mean": sum(self.found) / len(self.found)})
