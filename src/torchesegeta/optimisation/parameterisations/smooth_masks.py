"""`SmoothMasks`: masks that are smooth and yet reach 0 and 1 (Fong, Patrick & Vedaldi 2019, arXiv:1910.08485, §3.2).

A coarse grid holds a number per cell. A voxel's value is the smooth maximum, over the cells around it, of the cell's
number times a kernel of its distance: smax f = Σ f·exp(T·f) / Σ exp(T·f) with T = 20. The kernel is 1 up to half the
radius σ and falls off beyond: k(z) = exp(−2·max(0, z − ½)²), z = distance / σ. A voxel looks at r = 1 + ⌈σ / cell⌉
cells on either side of its own; beyond the grid they are 0.

In 3D, where that would be a thousand terms for every voxel, the smooth maximum is taken at the cells themselves and
interpolated linearly between them. So that a cell moves as fast as one of 32², although a volume has more of them that
each count for less, steps are longer there, in proportion to the number of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Tensor
from torch.nn import functional

from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.parameterisations.grid import CoarseGrid, Grid
from torchesegeta.optimisation.parameterisations.smooth_maximum import SmoothMaximum

CELLS = {2: 32, 3: 24}
"""Cells along an axis where nothing else is asked for: in 2D 7 voxels each in an image of 224², as published."""
RADIUS = 3
"""Cells that the kernel's radius spans then: 21 voxels, as published."""


@dataclass(frozen=True)
class SmoothMasks(Parameterisation):
    """Masks in [0, 1], larger than the image (see `Grid`), from all cells at 1 or from given masks.

    Attributes:
        cell: Voxels between the grid's cells; None: the image's size (the geometric mean) / 32 in 2D, / 24 in 3D,
            rounded, at least 1.
        sigma: Radius of the kernel in voxels; None: three cells.
    """

    cell: int | None = None
    sigma: float | None = None

    def grid(self, spatial: Sequence[int]) -> Grid:
        """The grid over an image of a spatial shape."""
        cell = self.cell or max(1, round(prod(spatial) ** (1 / len(spatial)) / CELLS[len(spatial)]))
        kind = Grid if len(spatial) == 2 else CoarseGrid
        return kind(tuple(spatial), cell, self.sigma or float(RADIUS * cell))

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        grid = self.grid(blank.image.shape[1:])
        return CoarseCanvas(grid, blank) if isinstance(grid, CoarseGrid) else MaskCanvas(grid, blank)


def _start(maximum: SmoothMaximum, masks: Tensor | None, count: int, like: Tensor) -> Tensor:
    """Cells of masks (B, 1, *shape), or all at 1."""
    return like.new_ones((count, *maximum.grid.cells)) if masks is None else maximum.cells_of(masks[:, 0].to(like))


def _like(blank: Blank) -> Tensor:
    """Gives the cells dtype and device."""
    return blank.image.new_empty(0, dtype=torch.promote_types(blank.image.dtype, torch.float32))


class MaskCanvas(Canvas):
    """Masks under way, made of cells (masks, *cells)."""

    def __init__(self, grid: Grid, blank: Blank) -> None:
        like = _like(blank)
        self.maximum, self.dtype = SmoothMaximum(grid, like), blank.image.dtype
        self.parameters = [_start(self.maximum, blank.given, len(blank.names), like).requires_grad_()]

    def render(self) -> Tensor:
        """See `Canvas.render`: (masks, 1, *shape)."""
        return self.maximum(self.parameters[0])[:, None].to(self.dtype)

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.parameters[0].clamp_(0, 1)


class CoarseCanvas(Canvas):
    """The same from smooth maxima at the cells.

    A step along parameters that are a factor s smaller than the cells moves the cells by s² times as much.
    """

    def __init__(self, grid: CoarseGrid, blank: Blank) -> None:
        self.grid, nodes, like = grid, grid.nodes, _like(blank)
        self.scale, self.dtype = sqrt(prod(nodes.cells) / CELLS[2] ** 2), blank.image.dtype
        self.maximum = SmoothMaximum(nodes, like)
        at_nodes = (slice(None), slice(None), *(slice(None, None, grid.cell),) * len(nodes.shape))
        given = None if blank.given is None else blank.given[at_nodes]
        self.parameters = [(_start(self.maximum, given, len(blank.names), like) / self.scale).requires_grad_()]

    def render(self) -> Tensor:
        """See `Canvas.render`: (masks, 1, *shape)."""
        coarse = self.maximum(self.parameters[0] * self.scale)[:, None]
        return functional.interpolate(coarse, self.grid.shape, mode="trilinear", align_corners=True).to(self.dtype)

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.parameters[0].clamp_(0, 1 / self.scale)
