"""Mean activations of cells, each pictured, side by side (Olah et al. 2018)."""

from itertools import product
from math import ceil, floor
from typing import Any

import torch
from torch import Tensor, nn

from .ascent import output_of
from .directions import dark, picture
from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module,
    cells: int,
    cell_size: int,
    sized_by_norm: bool = False,
    **drawing: Any,
) -> Tensor:
    values = output_of(model, layer)(image)[0].detach()
    dims = values.ndim - 1
    counts = [min(cells, n) for n in values.shape[1:]]
    pictures, norms = {}, {}
    for cell in product(*map(range, counts)):
        window = [
            slice(floor(i * n / count), ceil((i + 1) * n / count))
            for i, n, count in zip(cell, values.shape[1:], counts, strict=True)
        ]
        direction = torch.stack([channel[tuple(window)].mean() for channel in values])
        pictures[cell] = picture(model, layer, image, direction, cell_size=cell_size, **drawing)
        norms[cell] = float(direction.norm())
    result = dark(image, [count * cell_size for count in counts])
    for cell, shown in pictures.items():
        if shown is None:
            continue
        side = cell_size
        if sized_by_norm:
            side = max(1, round((norms[cell] / max(norms.values())) ** (1 / dims) * cell_size))
            shown = _averaged(shown, side)
        first = (cell_size - side) // 2
        place = (slice(None), *(slice(i * cell_size + first, i * cell_size + first + side) for i in cell))
        result[place] = shown
    return result


def _averaged(picture: Tensor, side: int) -> Tensor:
    """Smaller: each voxel is the mean of those it lies over."""
    dims, size = picture.ndim - 1, picture.shape[1]
    result = torch.zeros(len(picture), *(side,) * dims)
    for place in product(range(side), repeat=dims):
        window = tuple(slice(floor(i * size / side), ceil((i + 1) * size / side)) for i in place)
        voxel: tuple[slice | int, ...] = (slice(None), *place)
        result[voxel] = torch.stack([channel[window].mean() for channel in picture])
    return result
