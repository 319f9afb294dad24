"""What stands where parts of an image are taken out: a baseline, the flipped values, chance, or the surroundings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.baselines import Baseline
from torchesegeta.draws import uniform
from torchesegeta.sweeps.imputation import impute
from torchesegeta.sweeps.perturbations import noise_at, range_of

TakeOut = Callable[[Tensor], Tensor]
"""From the voxels that are gone, boolean (B, 1 or C, *spatial), to the image without them, (B, C, *spatial)."""


class Fill(ABC):
    """What stands in the place of what is taken out: frozen and hashable."""

    @abstractmethod
    def over(self, image: Tensor, key: str) -> TakeOut:
        """What takes voxels out of an image.

        Args:
            image: (C, *spatial).
            key: Names the run's seed and the image, for draws.

        Raises:
            IncompatibleError: It does not fit the image.
        """


class Fixed(Fill):
    """What does not depend on which voxels are taken out."""

    @abstractmethod
    def replacement(self, image: Tensor, key: str) -> Tensor:
        """What stands everywhere: (C, *spatial)."""

    def over(self, image: Tensor, key: str) -> TakeOut:
        """See `Fill.over`."""
        other = self.replacement(image, key)
        return lambda gone: torch.where(gone, other, image)


@dataclass(frozen=True)
class Plain(Fixed):
    """A baseline."""

    baseline: Baseline

    def replacement(self, image: Tensor, key: str) -> Tensor:
        """See `Fixed.replacement`."""
        return self.baseline.resolve(image, seed=key)


def _limits(image: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest value of each channel, (C, 1, …)."""
    axes = tuple(range(1, image.ndim))
    return image.amin(axes, keepdim=True), image.amax(axes, keepdim=True)


@dataclass(frozen=True)
class Flipped(Fixed):
    """Each value mirrored within its channel's range: black becomes white."""

    def replacement(self, image: Tensor, key: str) -> Tensor:
        """See `Fixed.replacement`."""
        low, high = _limits(image)
        return low + high - image


@dataclass(frozen=True)
class Uniform(Fixed):
    """Uniform draws from each channel's range, the same for every map."""

    def replacement(self, image: Tensor, key: str) -> Tensor:
        """See `Fixed.replacement`."""
        low, high = _limits(image)
        return low + (high - low) * uniform(tuple(image.shape), f"{key}|uniform fill", 0).to(image)


@dataclass(frozen=True)
class Imputed(Fill):
    """What the surroundings suggest, plus noise N(0, (sigma · range of the image)²); all channels of a voxel go."""

    sigma: float

    def over(self, image: Tensor, key: str) -> TakeOut:
        """See `Fill.over`."""
        noise = self.sigma * range_of(image) * noise_at(tuple(image.shape), f"{key}|imputed", 0).to(image)

        def take_out(gone: Tensor) -> Tensor:
            filled = torch.stack([impute(image, one[0]) for one in gone])
            return torch.where(gone, filled + noise, image)

        return take_out
