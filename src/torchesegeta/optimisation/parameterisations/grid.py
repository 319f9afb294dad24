"""The grid of cells that a smooth mask is made of, and the voxels over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """Cell i of an axis lies at voxel `cell` · i of the image.

    Attributes:
        spatial: Of the image.
        cell: Voxels between cells.
        sigma: Radius of the kernel in voxels.
        with_margin: Whether masks go on beyond the image's border.
    """

    spatial: tuple[int, ...]
    cell: int
    sigma: float
    with_margin: bool = False

    @property
    def cells(self) -> tuple[int, ...]:
        """Along each axis."""
        return tuple(ceil(size / self.cell) for size in self.spatial)

    @property
    def reach(self) -> int:
        """Cells on either side of its own that a voxel looks at."""
        return 1 + ceil(self.sigma / self.cell)

    @property
    def margin(self) -> int:
        """Voxels of a mask before the image's first."""
        return ceil(self.sigma) if self.with_margin else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a mask."""
        if not self.with_margin:
            return self.spatial
        around = 2 * (self._frame - self.reach)
        return tuple(self.cell * (cells + around) - self.cell + 1 for cells in self.cells)

    def inner(self, masks: Tensor) -> Tensor:
        """The part of masks (B, 1, *shape) that lies over the image: (B, 1, *spatial)."""
        return masks[(slice(None), slice(None), *(slice(self.margin, self.margin + size) for size in self.spatial))]

    @property
    def offset(self) -> int:
        """A voxel x of the image looks at the cells around cell ⌊(x + offset) / cell⌋."""
        return ceil(self.sigma) - self.cell * (self._frame - self.reach)

    @property
    def _frame(self) -> int:
        """Cells that the published code adds on each side."""
        return 1 + ceil((ceil(self.sigma) + self.sigma) / self.cell)

    def own_cell(self, voxel: int) -> int:
        """The cell that a voxel of the mask looks around."""
        return (voxel - self.margin + self.offset) // self.cell

    def distances(self) -> Sequence[Sequence[int]]:
        """Along an axis, from the voxel at a place within a block to its neighbours: (neighbours, places)."""
        around = range(-self.reach, self.reach + 1)
        return [[place - self.offset - self.cell * n for place in range(self.cell)] for n in around]
