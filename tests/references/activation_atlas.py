"""Vectors of several images on their first two principal components, averaged and pictured cell by cell."""

from typing import Any

import torch
from torch import Tensor, nn

from .ascent import output_of
from .cases import companions, places_at
from .directions import dark, picture
from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module,
    samples: int,
    grid: int,
    layout: str,
    cell_size: int,
    **drawing: Any,
) -> Tensor:
    assert layout == "pca"
    vectors = []
    for one in companions(image):
        values = output_of(model, layer)(one)[0].detach()
        order = places_at(values.shape[1:], "")[:samples]
        vectors += [values.flatten(1)[:, place] for place in order.tolist()]
    plane = _plane(torch.stack(vectors))
    cell = (plane * grid).long().clamp(max=grid - 1)
    dims = image.ndim - 2
    result = dark(image, (grid * cell_size, grid * cell_size, cell_size)[:dims])
    for row in range(grid):
        for column in range(grid):
            mine = [v for v, at in zip(vectors, cell.tolist(), strict=True) if at == [row, column]]
            if not mine:
                continue
            direction = torch.stack(mine).mean(0)
            shown = picture(model, layer, image, direction, cell_size=cell_size, **drawing)
            if shown is not None:
                rows, columns = (slice(n * cell_size, (n + 1) * cell_size) for n in (row, column))
                result[:, rows, columns] = shown
    return result


def _plane(vectors: Tensor) -> Tensor:
    """Positions from 0 to 1 on the first two components, each pointing where its largest loading is positive."""
    centred = (vectors - vectors.mean(0)).double()
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    axes = torch.stack([c * c[c.abs().argmax()].sign() for c in components[:2]])
    found = centred @ axes.T
    low, high = found.min(0).values, found.max(0).values
    return (found - low) / (high - low)
