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
    """Masks in [0, 1], larger than the image (see `Grid`), from all cells at 1.

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
        grid, masks = self.grid(blank.image.shape[1:]), len(blank.names)
        if isinstance(grid, CoarseGrid):
            return CoarseCanvas(grid, masks, blank.image)
        return MaskCanvas(grid, masks, blank.image)


class MaskCanvas(Canvas):
    """Masks under way, made of cells (masks, *cells)."""

    def __init__(self, grid: Grid, masks: int, image: Tensor) -> None:
        dtype = torch.promote_types(image.dtype, torch.float32)
        cells = torch.ones((masks, *grid.cells), dtype=dtype, device=image.device)
        self.parameters = [cells.requires_grad_()]
        self.maximum, self.dtype = SmoothMaximum(grid, cells), image.dtype

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

    def __init__(self, grid: CoarseGrid, masks: int, image: Tensor) -> None:
        self.grid, nodes = grid, grid.nodes
        self.scale, self.dtype = sqrt(prod(nodes.cells) / CELLS[2] ** 2), image.dtype
        dtype = torch.promote_types(image.dtype, torch.float32)
        start = torch.full((masks, *nodes.cells), 1 / self.scale, dtype=dtype, device=image.device)
        self.parameters = [start.requires_grad_()]
        self.maximum = SmoothMaximum(nodes, start)

    def render(self) -> Tensor:
        """See `Canvas.render`: (masks, 1, *shape)."""
        coarse = self.maximum(self.parameters[0] * self.scale)[:, None]
        return functional.interpolate(coarse, self.grid.shape, mode="trilinear", align_corners=True).to(self.dtype)

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.parameters[0].clamp_(0, 1 / self.scale)
