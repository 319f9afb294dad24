"""Changes of an image that follow a map: what it ranks highest, or lowest, is taken out or put back first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import torch
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.draws import generator
from torchesegeta.features import Features, Partition
from torchesegeta.sweeps.base import Points
from torchesegeta.sweeps.changed import Change, JoinedPoints, Series
from torchesegeta.sweeps.fills import Fill, TakeOut

Sign = Literal["positive", "absolute"]


@dataclass(frozen=True)
class Ranked(Change):
    """The image without the features that a map ranks first, more and more of them; or with them alone.

    A feature ranks by the mean of the map over it, so that its size does not count. Equal ones come in an order that is
    drawn at random: a map that is the same everywhere stands for chance.

    Attributes:
        features: What is taken out as one.
        fill: What stands in its place.
        shares: Shares of the features, ascending, a point each; None: one feature after the other.
        most: Without shares: how many at most; None: all.
        first: Whether those that the map ranks highest or lowest come first.
        alone: Whether the features that came stand alone, and all others are taken out.
        sign: What a map's value says: evidence for the target, or its magnitude.
    """

    features: Features
    fill: Fill
    shares: tuple[float, ...] | None
    most: int | None = None
    first: Literal["highest", "lowest"] = "highest"
    alone: bool = False
    sign: Sign = "positive"

    def numbers(self, image: Tensor) -> list[int]:
        """How many features have come, point by point; of shares that round to the same number one."""
        count = _parts(self.features, image).count
        if self.shares is None:
            return list(range(1, min(count, self.most or count) + 1))
        return sorted({round(share * count) for share in self.shares})

    def came(self, image: Tensor) -> list[float]:
        """The same as shares of all features."""
        count = _parts(self.features, image).count
        return [number / count for number in self.numbers(image)]

    def count(self, image: Tensor) -> int:
        """As the shares say."""
        return len(self.numbers(image))

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        assert guide is not None, "what follows a map has one"
        return _RankedPoints(self, image, self.fill.over(image, key), guide, key)

    def ranks(self, image: Tensor, guide: Tensor, key: str) -> Tensor:
        """When each voxel's feature comes, from 0: (1 or C, *spatial), int32."""
        parts = _parts(self.features, image)
        labels = parts.labels.to(guide.device)
        summed = guide.sum(0, keepdim=True) if len(labels) == 1 else guide.expand(labels.shape)
        evidence = (summed.abs() if self.sign == "absolute" else summed).double()
        sizes = labels.flatten().bincount(minlength=parts.count)
        means = Partition(labels, parts.count).sums(evidence) / sizes
        drawn = torch.randperm(parts.count, generator=generator(f"{key}|order of equals", 0)).to(guide.device)
        order = drawn[means[drawn].argsort(descending=self.first == "highest", stable=True)]
        places = torch.empty_like(order, dtype=torch.int32)
        places[order] = torch.arange(parts.count, dtype=torch.int32, device=guide.device)
        return places[labels]


def _parts(features: Features, image: Tensor) -> Partition:
    """The features, on the CPU."""
    return _partition(features, ArrayValue(image))


@lru_cache(maxsize=1)
def _partition(features: Features, image: ArrayValue) -> Partition:
    """Supervoxels take a while, and every map asks for them."""
    return features.partition(image.tensor)


class _RankedPoints(Points):
    """The points of one map; its ranking is made once the first of them comes."""

    def __init__(self, change: Ranked, image: Tensor, take_out: TakeOut, guide: Tensor, key: str) -> None:
        self.change, self.image, self.take_out, self.guide, self.key = change, image, take_out, guide, key
        self.numbers = change.numbers(image)
        self.weights = torch.full((len(self.numbers),), 1 / len(self.numbers), dtype=image.dtype, device=image.device)

    @cached_property
    def ranks(self) -> Tensor:
        return self.change.ranks(self.image, self.guide, self.key)

    def at(self, indices: range) -> Tensor:
        """See `Points.at`."""
        numbers = torch.tensor([self.numbers[i] for i in indices], dtype=torch.int32, device=self.image.device)
        came = self.ranks < numbers.view(-1, *[1] * self.image.ndim)
        return self.take_out(~came if self.change.alone else came)


@dataclass(frozen=True)
class BothWays(Change):
    """The points of a ranked change, those ranked highest first, then again from the other end."""

    change: Ranked

    @property
    def _ways(self) -> Sequence[Ranked]:
        return replace(self.change, first="highest"), replace(self.change, first="lowest")

    def count(self, image: Tensor) -> int:
        """Twice as many."""
        return 2 * self.change.count(image)

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        return JoinedPoints(image, key, [Series(way, guide) for way in self._ways])
