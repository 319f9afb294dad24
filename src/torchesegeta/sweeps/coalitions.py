"""Masks that keep some features and replace the others: random coalitions, and features joining one by one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.draws import generator
from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Features, Partition
from torchesegeta.patches import Tiling
from torchesegeta.sweeps.mask import Design, MaskPoints, Sources


def permutation_at(count: int, key: str, index: int) -> Tensor:
    """Draw `index` of an order of `count` features."""
    return torch.randperm(count, generator=generator(f"{key}|order", index))


def coalition_at(count: int, key: str, index: int) -> Tensor:
    """Draw `index` of a coalition among `count` features, 1 where one is in: (count,).

    Its size is drawn evenly from 1 to count − 1, then its members (Ribeiro et al. 2016, section 3.3).
    """
    source = generator(f"{key}|coalition", index)
    size = int(torch.randint(1, count, (), generator=source))
    row = torch.zeros(count)
    row[torch.randperm(count, generator=source)[:size]] = 1
    return row


def all_fit(features: int, samples: int) -> bool:
    """Whether every coalition but the empty and the full one can be tried once."""
    return features < 60 and 2**features - 2 <= samples


@dataclass(frozen=True, eq=False)
class Places:
    """Where features lie.

    Attributes:
        holds: (F, patches), whether a patch holds voxels of a feature.
    """

    holds: Tensor

    def touched(self, features: Tensor) -> list[int]:
        """The patches that hold voxels of some features, given as booleans (F,)."""
        found: list[int] = self.holds[features].any(0).nonzero().flatten().tolist()
        return found


class RowPoints(MaskPoints):
    """Images whose features are kept by shares between 0 and 1, given row by row."""

    def __init__(self, image: Tensor, replacement: Tensor, regions: Partition, key: str) -> None:
        if regions.count < 2:
            raise IncompatibleError("there is a single feature: with it alone nothing can be compared")
        self.image, self.replacement, self.regions, self.key = image, replacement, regions, key
        self._places: Places | None = None

    @abstractmethod
    def row(self, index: int) -> Tensor:
        """A row of the design, (F,)."""

    def places(self, tiling: Tiling) -> Places:
        """Which patches hold voxels of which features."""
        if self._places is None:
            assert isinstance(self.regions, Partition)
            holds = torch.zeros(self.regions.count, tiling.count, dtype=torch.bool)
            for patch in range(tiling.count):
                labels = self.regions.labels[in_space(tiling.place(patch))].flatten()
                holds[:, patch] = labels.bincount(minlength=self.regions.count).cpu() > 0
            self._places = Places(holds)
        return self._places

    def crop(self, row: Tensor, tiling: Tiling, patch: int) -> Tensor:
        """A patch (C, *model_shape) of the image that a row keeps."""
        assert isinstance(self.regions, Partition)
        kept = row.to(self.image)[tiling.crop(self.regions.labels, patch)]
        return torch.lerp(tiling.crop(self.replacement, patch), tiling.crop(self.image, patch), kept)

    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        """See `MaskPoints.masked`."""
        assert isinstance(self.regions, Partition)
        rows = torch.stack([self.row(i) for i in indices]).to(self.image)
        return torch.lerp(self.replacement, self.image, self.regions.paint(rows)), rows


@dataclass(frozen=True)
class Permutations(Design):
    """Features join in random orders; each step but the last, which is the image, is a mask."""

    features: Features
    permutations: int

    @property
    def needs_ends(self) -> bool:
        """True: the empty coalition is the first step of every order."""
        return True

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return _Joining(image, replacement, self, f"{key}|{replace(self, permutations=0)!r}")


class _Joining(RowPoints):
    def __init__(self, image: Tensor, replacement: Tensor, design: Permutations, key: str) -> None:
        regions = design.features.partition(image)
        super().__init__(image, replacement, regions, key)
        self.features = regions.count
        self.weigh_equally(design.permutations * (regions.count - 1), image)

    def row(self, index: int) -> Tensor:
        which, joined = divmod(index, self.features - 1)
        row = torch.zeros(self.features)
        row[permutation_at(self.features, self.key, which)[: joined + 1]] = 1
        return row


@dataclass(frozen=True)
class Coalitions(Design):
    """Random coalitions, each followed by its complement when `paired`; all of them once where they fit."""

    features: Features
    samples: int
    paired: bool = True

    @property
    def needs_ends(self) -> bool:
        """True: the empty coalition anchors the fit."""
        return True

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return _Coalitions(image, replacement, self, f"{key}|{replace(self, samples=0)!r}")


class _Coalitions(RowPoints):
    def __init__(self, image: Tensor, replacement: Tensor, design: Coalitions, key: str) -> None:
        regions = design.features.partition(image)
        super().__init__(image, replacement, regions, key)
        self.paired, self.features = design.paired, regions.count
        self.complete = all_fit(regions.count, design.samples)
        self.weigh_equally(2**regions.count - 2 if self.complete else design.samples, image)

    def row(self, index: int) -> Tensor:
        if self.complete:
            return (torch.tensor(index + 1) >> torch.arange(self.features) & 1).float()
        if not self.paired:
            return coalition_at(self.features, self.key, index)
        row = coalition_at(self.features, self.key, index // 2)
        return 1 - row if index % 2 else row
