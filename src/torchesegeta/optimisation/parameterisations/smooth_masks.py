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
from math import ceil, prod, sqrt

import torch
from torch import Tensor
from torch.nn import functional

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.parameterisations.grid import Grid
from torchesegeta.optimisation.parameterisations.smooth_maximum import SmoothMaximum

CELLS = {2: 32, 3: 24}
"""Cells along an axis where nothing else is asked for: in 2D 7 voxels each in an image of 224², as published."""
RADIUS = 3
"""Cells that the kernel's radius spans then: 21 voxels, as published."""


@dataclass(frozen=True)
class SmoothMasks(Parameterisation):
    """Masks (1, *spatial) in [0, 1], from all cells at 1.

    Attributes:
        cell: Voxels between the grid's cells; None: the image's size (the geometric mean) / 32 in 2D, / 24 in 3D,
            rounded, at least 1.
        sigma: Radius of the kernel in voxels; None: three cells.
        margin: Whether masks go on beyond the image's border, as in the published code: by the radius before the
            first voxel, and as far behind the last as the grid is seen.
    """

    cell: int | None = None
    sigma: float | None = None
    margin: bool = False

    def grid(self, spatial: Sequence[int]) -> Grid:
        """The grid over an image of a spatial shape.

        Raises:
            IncompatibleError: A margin in 3D.
        """
        if self.margin and len(spatial) > 2:
            raise IncompatibleError("margin: True is the published code's way in 2D; in 3D only False is allowed")
        cell = self.cell or max(1, round(prod(spatial) ** (1 / len(spatial)) / CELLS[len(spatial)]))
        return Grid(tuple(spatial), cell, self.sigma or float(RADIUS * cell), self.margin)

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        grid = self.grid(blank.image.shape[1:])
        return (MaskCanvas if len(grid.shape) == 2 else CoarseCanvas)(grid, len(blank.names), blank.image)


class MaskCanvas(Canvas):
    """Masks under way, made of cells (masks, *cells)."""

    def __init__(self, grid: Grid, masks: int, image: Tensor) -> None:
        dtype = torch.promote_types(image.dtype, torch.float32)
        cells = torch.ones((masks, *grid.cells), dtype=dtype, device=image.device)
        self.parameters = [cells.requires_grad_()]
        self.maximum, self.dtype = SmoothMaximum(grid, cells), image.dtype

    def render(self) -> Tensor:
        """See `Canvas.render`: (masks, 1, *spatial)."""
        return self.maximum(self.parameters[0])[:, None].to(self.dtype)

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.parameters[0].clamp_(0, 1)


class CoarseCanvas(Canvas):
    """The same from smooth maxima at the cells, one beyond the border included where it is needed.

    A step along parameters that are a factor s smaller than the cells moves the cells by s² times as much.
    """

    def __init__(self, grid: Grid, masks: int, image: Tensor) -> None:
        nodes = Grid(tuple(ceil((size - 1) / grid.cell) + 1 for size in grid.spatial), 1, grid.sigma / grid.cell)
        self.grid, self.scale, self.dtype = grid, sqrt(prod(nodes.cells) / CELLS[2] ** 2), image.dtype
        dtype = torch.promote_types(image.dtype, torch.float32)
        start = torch.full((masks, *nodes.cells), 1 / self.scale, dtype=dtype, device=image.device)
        self.parameters = [start.requires_grad_()]
        self.maximum = SmoothMaximum(nodes, start)

    def render(self) -> Tensor:
        """See `Canvas.render`: (masks, 1, *spatial)."""
        coarse = self.maximum(self.parameters[0] * self.scale)[:, None]
        size = [self.grid.cell * (nodes - 1) + 1 for nodes in coarse.shape[2:]]
        masks = functional.interpolate(coarse, size, mode="trilinear", align_corners=True)
        return self.grid.inner(masks).to(self.dtype)

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.parameters[0].clamp_(0, 1 / self.scale)
