"""What a mask hides the image with: stronger and stronger blur, or a baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from torchesegeta.baselines import Baseline

Border = Literal["repeat", "zero"]

REACH = 4
"""Standard deviations after which a Gaussian is cut off."""


class Veil(ABC):
    """A frozen, hashable value: what is seen of an image through a mask."""

    @abstractmethod
    def hidden(self, image: Tensor) -> Tensor:
        """The image, (C, *spatial), as it is seen where the mask is 0."""

    @abstractmethod
    def levels_of(self, image: Tensor) -> Tensor:
        """(levels, C, *spatial), evenly spaced from all hidden, at mask 0, to the image itself, at mask 1."""


@dataclass(frozen=True)
class Fade(Veil):
    """The image fades to a baseline: image · mask + baseline · (1 − mask)."""

    baseline: Baseline

    def hidden(self, image: Tensor) -> Tensor:
        """See `Veil.hidden`."""
        return self.baseline.resolve(image)

    def levels_of(self, image: Tensor) -> Tensor:
        """See `Veil.levels_of`."""
        return torch.stack([self.hidden(image), image])


@dataclass(frozen=True)
class Blurred(Veil):
    """The image is blurred, the more the lower the mask.

    Attributes:
        levels: Blurred copies, the image itself among them; between neighbouring ones it is interpolated.
        deviation: Of the strongest Gaussian, in voxels; from there the deviation falls evenly to 0.
        border: What lies beyond the image's border: its outermost voxels, or 0 (as in the published code).
    """

    levels: int = 8
    deviation: float = 20.0
    border: Border = "repeat"

    def hidden(self, image: Tensor) -> Tensor:
        """See `Veil.hidden`."""
        return self._blurred(image, self.deviation)

    def levels_of(self, image: Tensor) -> Tensor:
        """See `Veil.levels_of`."""
        shares = [1 - level / (self.levels - 1) for level in range(self.levels)]
        return torch.stack([self._blurred(image, share * self.deviation) for share in shares])

    def _blurred(self, image: Tensor, deviation: float) -> Tensor:
        if not deviation:
            return image
        mode = "nearest" if self.border == "repeat" else "constant"
        plain = image.double().cpu().numpy()
        found = [gaussian_filter(channel, deviation, mode=mode, radius=ceil(REACH * deviation)) for channel in plain]
        return torch.from_numpy(np.stack(found)).to(image)
