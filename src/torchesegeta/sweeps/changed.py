"""`Changed`: scores at changed copies of the image, forwards only. Metrics read it; their series share the batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from torchesegeta.sweeps.base import Points, Read, Sweep


class Change(ABC):
    """How an image is changed, point by point: frozen and hashable."""

    @abstractmethod
    def count(self, image: Tensor) -> int:
        """Number of points.

        Args:
            image: (C, *spatial).
        """

    @abstractmethod
    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """The changed images.

        Args:
            image: (C, *spatial), on the device that runs the model.
            key: Names the run's seed and the image; draws depend on it and on the change.
            guide: The map that decides what is changed, on the image's grid, for changes that follow one.
        """


@dataclass(frozen=True, eq=False)
class Series:
    """A change of the image, and the map it follows, if it follows one."""

    change: Change
    guide: Tensor | None = None


@dataclass(frozen=True)
class Changed(Sweep):
    """Scores at the points of one or several series."""

    series: tuple[Series, ...]

    @property
    def count(self) -> int:
        """0: the image decides on it."""
        return 0

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return JoinedPoints(image, key, self.series)

    def passes(self, targets: int, reads: Sequence[Read], count: int | None = None) -> dict[str, int]:
        """One forward pass per point, for all targets."""
        return {"forward": count or 0, "backward": 0}


class JoinedPoints(Points):
    """The points of several series, one series after the other; those of one series are held at a time.

    Args:
        image: (C, *spatial).
        key: As of `Change.points`.
        series: In order.
    """

    def __init__(self, image: Tensor, key: str, series: Sequence[Series]) -> None:
        self.image, self.key, self.series = image, key, series
        counts = [one.change.count(image) for one in series]
        self.starts = [0, *accumulate(counts)]
        self.weights = torch.cat([torch.full((n,), 1 / n, dtype=image.dtype, device=image.device) for n in counts])
        self._held: tuple[int, Points] | None = None

    def serving(self, series: int) -> range:
        """The points of a series."""
        return range(self.starts[series], self.starts[series + 1])

    def at(self, indices: range) -> Tensor:
        """See `Points.at`."""
        found, start = [], indices.start
        while start < indices.stop:
            which = bisect_right(self.starts, start) - 1
            first, stop = self.starts[which], min(indices.stop, self.starts[which + 1])
            found.append(self._of(which).at(range(start - first, stop - first)))
            start = stop
        return torch.cat(found)

    def _of(self, which: int) -> Points:
        if self._held is None or self._held[0] != which:
            one = self.series[which]
            guide = None if one.guide is None else one.guide.to(self.image)
            self._held = (which, one.change.points(self.image, self.key, guide))
        return self._held[1]
