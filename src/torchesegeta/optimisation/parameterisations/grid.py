"""The grid of cells that a smooth mask is made of, and the voxels over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """Cell i of an axis lies at voxel `cell` · i of the image.

    Masks go on beyond the image's border, as in the published code: by the radius before the first voxel, and as far
    behind the last as cells reach. Else a cell at the border would cover less than others, and so be cheaper.

    Attributes:
        spatial: Of the image.
        cell: Voxels between cells.
        sigma: Radius of the kernel in voxels.
    """

    spatial: tuple[int, ...]
    cell: int
    sigma: float

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
        return ceil(self.sigma)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a mask."""
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


@dataclass(frozen=True)
class CoarseGrid(Grid):
    """The same where masks are made at the cells alone, and interpolated; the last cell may lie beyond the border."""

    @property
    def nodes(self) -> Grid:
        """The grid whose voxels are the cells."""
        return Grid(tuple(ceil((size - 1) / self.cell) + 1 for size in self.spatial), 1, self.sigma / self.cell)

    @property
    def margin(self) -> int:
        """See `Grid.margin`: whole cells."""
        return self.cell * self.nodes.margin

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Grid.shape`."""
        return tuple(self.cell * (nodes - 1) + 1 for nodes in self.nodes.shape)
