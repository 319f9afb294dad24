"""Masks without features: coarse random grids, enlarged smoothly and shifted (Petsiuk et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.draws import generator
from torchesegeta.sweeps.mask import Design, MaskPoints, Sources
from torchesegeta.sweeps.sums import MaskSums, TargetSums


def grid_at(dims: int, cells: int, share: float, key: str, index: int) -> tuple[Tensor, Tensor]:
    """Draw `index` of a grid of zeros and ones, (cells,) · dims, and of its shift in parts of a cell, (dims,)."""
    source = generator(f"{key}|grid", index)
    grid = (torch.rand((cells,) * dims, generator=source) < share).float()
    return grid, torch.rand(dims, generator=source)


def mask_at(shape: tuple[int, ...], cells: int, share: float, key: str, index: int) -> Tensor:
    """Mask `index` between 0 and 1, (*shape): the enlarged grid, cut out at its shift."""
    grid, shift = grid_at(len(shape), cells, share, key, index)
    lengths = [ceil(size / cells) for size in shape]
    mode = LINEAR[len(shape)]
    large = interpolate(grid[None, None], [(cells + 1) * n for n in lengths], mode=mode, align_corners=False)[0, 0]
    starts = [int(part * n) for part, n in zip(shift.tolist(), lengths, strict=True)]
    return large[tuple(slice(start, start + size) for start, size in zip(starts, shape, strict=True))]


@dataclass(frozen=True)
class Grids(Design):
    """`masks` smooth masks of `cells` cells along each axis, of which a `share` is kept."""

    masks: int
    cells: int
    share: float

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return _Grids(image, replacement, self, f"{key}|{replace(self, masks=0)!r}")


class _Grids(MaskPoints):
    def __init__(self, image: Tensor, replacement: Tensor, design: Grids, key: str) -> None:
        self.image, self.replacement, self.design, self.key = image, replacement, design, key
        self.sums: MaskSums | None = None
        self.weigh_equally(design.masks, image)

    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        shape, design = tuple(self.image.shape[1:]), self.design
        masks = torch.stack([mask_at(shape, design.cells, design.share, self.key, i) for i in indices])
        masks = masks[:, None].to(self.image)
        return torch.lerp(self.replacement, self.image, masks), masks

    def tally(self, rows: Tensor | None, changes: Tensor) -> None:
        """See `MaskPoints.tally`."""
        assert rows is not None
        if self.sums is None:
            self.sums = MaskSums(tuple(rows.shape[2:]), changes.shape[1], like=rows)
        self.sums.add(rows, changes)

    def sums_of(self, target: int) -> TargetSums | None:
        """See `MaskPoints.sums_of`."""
        return self.sums.of(target) if self.sums is not None else None
