"""Changes of an image that follow no map: noise, blocks taken out, noisy baselines, a sweep's own baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from torchesegeta.baselines import Baseline
from torchesegeta.draws import generator, normal
from torchesegeta.sweeps.base import Points, Sweep
from torchesegeta.sweeps.changed import Change


class OneByOne(Points):
    """Points that are made one by one.

    Args:
        image: (C, *spatial).
        count: Their number.
        make: A point, (C, *spatial), by its number.
    """

    def __init__(self, image: Tensor, count: int, make: Callable[[int], Tensor]) -> None:
        self.make = make
        self.weights = torch.full((count,), 1 / count, dtype=image.dtype, device=image.device)

    def at(self, indices: range) -> Tensor:
        """See `Points.at`."""
        return torch.stack([self.make(i) for i in indices])


def range_of(image: Tensor) -> float:
    """Range of an image's values; 1 where they are all equal."""
    return float(image.max() - image.min()) or 1.0


def noise_at(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """Draw `index` of standard normal noise."""
    return normal(shape, key, index)


def corner_at(free: Sequence[int], key: str, index: int) -> tuple[int, ...]:
    """Draw `index` of a block's first corner: from 0 to `free` along each axis."""
    source = generator(key, index)
    return tuple(int(torch.randint(n + 1, (), generator=source)) for n in free)


@dataclass(frozen=True)
class Noisy(Change):
    """x − I with I ~ N(0, (sigma · range of the image)²)."""

    samples: int
    sigma: float

    def count(self, image: Tensor) -> int:
        """The number of samples."""
        return self.samples

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        named, scale = f"{key}|{replace(self, samples=0)!r}", self.sigma * range_of(image)

        def make(index: int) -> Tensor:
            return image - scale * noise_at(tuple(image.shape), named, index).to(image)

        return OneByOne(image, self.samples, make)


@dataclass(frozen=True)
class BlockOut(Change):
    """The image with a block at a random place replaced by the baseline.

    Attributes:
        samples: How many blocks.
        share: Side of a block as a share of the image's side, along each axis.
        baseline: What stands in its place.
    """

    samples: int
    share: float
    baseline: Baseline

    def count(self, image: Tensor) -> int:
        """The number of samples."""
        return self.samples

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        named = f"{key}|{replace(self, samples=0)!r}"
        replacement = self.baseline.resolve(image, seed=named)
        sides = [max(1, round(self.share * n)) for n in image.shape[1:]]
        free = [n - side for n, side in zip(image.shape[1:], sides, strict=True)]

        def make(index: int) -> Tensor:
            corner = corner_at(free, named, index)
            block = (slice(None), *(slice(c, c + side) for c, side in zip(corner, sides, strict=True)))
            point = image.clone()
            point[block] = replacement[block]
            return point

        return OneByOne(image, self.samples, make)


@dataclass(frozen=True)
class NoisyBaseline(Change):
    """The baseline plus noise, N(0, (sigma · range of the image)²)."""

    samples: int
    sigma: float
    baseline: Baseline

    def count(self, image: Tensor) -> int:
        """The number of samples."""
        return self.samples

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        named, scale = f"{key}|{replace(self, samples=0)!r}", self.sigma * range_of(image)
        start = self.baseline.resolve(image, seed=named)

        def make(index: int) -> Tensor:
            return start + scale * noise_at(tuple(image.shape), named, index).to(image)

        return OneByOne(image, self.samples, make)


@dataclass(frozen=True)
class Ends(Change):
    """The baselines that a sweep starts from, or others where it has none."""

    sweep: Sweep
    otherwise: tuple[Baseline, ...]

    def _ends(self, image: Tensor, key: str) -> list[Tensor]:
        return self.sweep.ends(image, key) or [one.resolve(image, seed=key) for one in self.otherwise]

    def count(self, image: Tensor) -> int:
        """One, or as many as the sweep has."""
        return len(self._ends(image, ""))

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        ends = self._ends(image, key)
        return OneByOne(image, len(ends), ends.__getitem__)
