"""Mean score over random masks in which a voxel is visible (Petsiuk et al. 2018)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score
from .resize import resize


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    grids: Sequence[tuple[Tensor, Tensor]],
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    masks: int = 4000,
    cells: int = 7,
    share: float = 0.5,
    normalise: str = "coverage",
) -> Tensor:
    """`grids` gives each mask its coarse grid and its shift in parts of a cell."""
    shape = tuple(image.shape[2:])
    total, cover = torch.zeros(1, *shape), torch.zeros(1, *shape)
    for grid, shift in grids[:masks]:
        lengths = [math.ceil(size / cells) for size in shape]
        mask = resize(grid[None], tuple((cells + 1) * n for n in lengths))
        for axis, (part, n, size) in enumerate(zip(shift.tolist(), lengths, shape, strict=True), start=1):
            mask = mask.narrow(axis, math.floor(part * n), size)
        point = image * mask + (1 - mask) * baseline
        total += score(point) * mask
        cover += mask
    if normalise == "coverage":
        return total / cover
    return total / (masks * share if normalise == "expected" else masks)
