"""Masks whose features are kept independently of one another: for sensitivity analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from torchesegeta.draws import generator, whole_number
from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Features
from torchesegeta.sweeps.coalitions import RowPoints
from torchesegeta.sweeps.mask import Design, MaskPoints, Sources


def coins_at(count: int, key: str, index: int) -> Tensor:
    """Draw `index` of a fair coin for each feature, 1 where it is kept: (count,)."""
    return torch.randint(2, (count,), generator=generator(f"{key}|coins", index)).float()


def sequence_of(count: int, samples: int, key: str) -> Tensor:
    """Two quasi-random points for each sample, evenly spread over [0, 1): (samples, 2, count)."""
    seed = whole_number(f"{key}|sequence", 0)
    engine = torch.quasirandom.SobolEngine(2 * count, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    points: Tensor = engine.draw(samples)
    return points.view(samples, 2, count)


@dataclass(frozen=True)
class Coins(Design):
    """Each feature is kept or replaced by the toss of a coin."""

    features: Features
    samples: int

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return _Coins(image, replacement, self, f"{key}|{replace(self, samples=0)!r}")


class _Coins(RowPoints):
    def __init__(self, image: Tensor, replacement: Tensor, design: Coins, key: str) -> None:
        self.features = design.features.partition(image)
        super().__init__(image, replacement, self.features, key)
        self.weigh_equally(design.samples, image)

    def row(self, index: int) -> Tensor:
        return coins_at(self.features.count, self.key, index)


@dataclass(frozen=True)
class Replicated(Design):
    """Points a and b of a quasi-random sequence: a, then a with each feature's share taken from b (Saltelli 2010)."""

    features: Features
    samples: int

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return _Replicated(image, replacement, self, f"{key}|{replace(self, samples=0)!r}")


class _Replicated(RowPoints):
    def __init__(self, image: Tensor, replacement: Tensor, design: Replicated, key: str) -> None:
        self.features = design.features.partition(image)
        super().__init__(image, replacement, self.features, key)
        most = torch.quasirandom.SobolEngine.MAXDIM // 2
        if self.features.count > most:
            raise IncompatibleError(f"{self.features.count} features; a Sobol sequence takes {most} at most")
        self.sequence = sequence_of(self.features.count, design.samples, key)
        self.weigh_equally(design.samples * (self.features.count + 1), image)

    def row(self, index: int) -> Tensor:
        sample, swapped = divmod(index, self.features.count + 1)
        row: Tensor = self.sequence[sample, 0].clone()
        if swapped > 0:
            row[swapped - 1] = self.sequence[sample, 1, swapped - 1]
        return row
