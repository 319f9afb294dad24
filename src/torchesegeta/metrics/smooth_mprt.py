"""Smooth MPRT: cascading randomisation of denoised maps (Hedström et al. 2024, arXiv:2401.06465)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.metrics.base import Case, Measurement, Reading
from torchesegeta.metrics.cascade_metric import CascadeMetric, Similarities
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Denoised, Variation


@register("smooth_mprt")
class SmoothMprt(CascadeMetric):
    """Cascading randomisation, where the map of every step is a mean over noisy copies of the image.

    Noise in a map looks like a change of it; without the noise what is left is what the weights did. Curves and figures
    are those of `cascading_randomisation`.
    """

    title = "Smooth model parameter randomisation test"
    source = "Hedström et al. 2024, arXiv:2401.06465"

    samples: int = Field(10, ge=1, description="Noisy copies of the image at every step.")
    sigma: float = Field(0.15, gt=0, description="Standard deviation of the noise, as a share of the image's range.")

    def variation(self) -> Variation:
        """The noisy copies before every model, the original first."""
        return Denoised(self.cascade, self.samples, self.sigma)

    def reading(self, case: Case) -> Reading:
        """Similarities of means."""
        return _Means(self.samples)


class _Means(Reading):
    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.total: Tensor | None = None
        self.seen = 0
        self.inner: Similarities | None = None

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        self.total = values.double() if self.total is None else self.total + values
        self.seen += 1
        if self.seen % self.samples:
            return
        mean, self.total = (self.total / self.samples).float(), None
        if self.inner is None:
            self.inner = Similarities(mean)
        else:
            self.inner.update(step, image, mean)

    def measurement(self) -> Measurement:
        assert self.inner is not None, "the original comes first"
        return self.inner.measurement()
