"""`Resized`: the model is shown pictures enlarged to the image's size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.exposures.base import Expose, Exposure
from torchesegeta.optimisation.resize import resized


@dataclass(frozen=True)
class Resized(Exposure):
    """For scores that are bound to the image's size, such as that of a region."""

    views: int = 1

    def over(self, image: Tensor) -> Expose:
        """See `Exposure.over`."""
        return lambda pictures: resized(pictures, image.shape[1:])
