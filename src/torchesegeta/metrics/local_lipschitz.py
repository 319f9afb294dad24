"""Local Lipschitz estimate: max ‖φ(x) − φ(x′)‖ / ‖x − x′‖ (Alvarez-Melis & Jaakkola 2018, arXiv:1806.08049)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.metrics.base import Case, Measurement, Reading, RepeatMetric
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Nearby, Variation


@register("local_lipschitz")
class LocalLipschitz(RepeatMetric):
    """How fast the map changes near the image: the largest ‖φ(x) − φ(x′)‖ / ‖x − x′‖ over the samples.

    It has the map's scale: compare it between images and models for one method, not between methods.
    """

    title = "Local Lipschitz estimate"
    family = "Robustness"
    source = "Alvarez-Melis & Jaakkola 2018, arXiv:1806.08049"
    better = "lower"
    span = "0 and more, in the map's unit over the image's"
    scale_free = False

    samples: int = Field(10, ge=1, description="Number of images around the image.")
    radius: float = Field(0.02, gt=0, description="Largest change of a voxel, as a share of the image's range.")

    def variation(self) -> Variation:
        """Images in a ball around the image."""
        return Nearby(self.samples, self.radius)

    def reading(self, case: Case) -> Reading:
        """Quotients of distances."""
        return _Quotients(case.values, case.image.data)


class _Quotients(Reading):
    def __init__(self, values: Tensor, image: Tensor) -> None:
        self.values, self.image = values.double(), image.double()
        self.found: list[float] = []

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        apart = float((image.double() - self.image).norm())
        self.found.append(float((values.double() - self.values).norm()) / apart)

    def measurement(self) -> Measurement:
        return Measurement(max(self.found), {"mean": sum(self.found) / len(self.found)})
