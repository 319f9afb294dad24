"""The smooth maximum of the cells around each voxel, in any dimension, in memory of the mask's size.

Voxels that look around the same cell are a block. At a given place of their block all voxels have their neighbours at
the same distances, so the kernel is a table of (neighbour, place). The terms of some neighbours at a time are added up,
and made again on the way back instead of being kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import inf, prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from torchesegeta.optimisation.parameterisations.grid import Grid

COLDNESS = 20.0
"""T of the smooth maximum."""
PLATEAU = 0.5
"""Share of the radius up to which the kernel is 1."""
SLOPE = 2.0
"""Of its fall beyond."""
TELLING = 0.5
"""Least kernel where a mask tells how high a cell is."""
TERMS = 2**19
"""Terms at a time: as many as caches hold."""


class SmoothMaximum:
    """From the cells of a grid to masks.

    Args:
        grid: Where cells and voxels lie.
        like: Gives dtype and device.

    Attributes:
        kernel: (neighbours, places).
        index: (neighbours, blocks), of the flat grid, padded.
    """

    def __init__(self, grid: Grid, like: Tensor) -> None:
        self.grid, self.dims = grid, len(grid.shape)
        self.blocks = tuple(grid.own_cell(size - 1) - grid.own_cell(0) + 1 for size in grid.shape)
        self.kernel = _kernel(grid, self.dims).to(like)
        self.index = self._neighbours().to(like.device)

    def __call__(self, cells: Tensor) -> Tensor:
        """(B, *cells), from 0 to 1, to (B, *shape); differentiable once."""
        before = self.grid.reach - self.grid.own_cell(0)
        sides = [(before, n - before - have) for n, have in zip(self._padded, cells.shape[1:], strict=True)]
        padded = functional.pad(cells, [*chain.from_iterable(reversed(sides))])
        pooled: Tensor = _Pooled.apply(padded.flatten(1), self)  # type: ignore[no-untyped-call]
        return self._in_place(pooled)

    def cells_of(self, masks: Tensor) -> Tensor:
        """Cells (B, *cells) that masks (B, *shape) may be made of: the highest that the mask allows all around.

        Around a cell a mask is at least the cell times the kernel; where the kernel is small, the smooth maximum is
        much below that, and says nothing.
        """
        apart = self._apart(masks)
        lowest = masks.new_ones((len(masks), prod(self._padded)))
        for kernel, index in zip(self.kernel, self.index, strict=True):
            over = (apart / kernel[:, None]).masked_fill(kernel[:, None] < TELLING, inf).amin(1)
            lowest.scatter_reduce_(1, index.expand(len(masks), -1), over, "amin")
        before = self.grid.reach - self.grid.own_cell(0)
        own = (slice(before, before + have) for have in self.grid.cells)
        return lowest.view(len(masks), *self._padded)[(slice(None), *own)]

    @property
    def _padded(self) -> list[int]:
        """Cells along each axis, with those that only blocks at the border look at."""
        return [blocks + 2 * self.grid.reach for blocks in self.blocks]

    def terms(self, padded: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Cell · kernel, (B, some neighbours, places, blocks), with the kernel and index of these neighbours."""
        each = max(1, TERMS // (len(padded) * self.kernel.shape[1] * self.index.shape[1]))
        for kernel, index in zip(torch.split(self.kernel, each), torch.split(self.index, each), strict=True):
            yield padded[:, index][:, :, None] * kernel[:, :, None], kernel, index

    def _neighbours(self) -> Tensor:
        """Where each block's neighbours stand in the flat, padded grid: (neighbours, blocks)."""
        around = 2 * self.grid.reach + 1
        flat = torch.arange(prod(n + around - 1 for n in self.blocks)).view([n + around - 1 for n in self.blocks])
        for axis, blocks in enumerate(self.blocks):
            flat = flat.unfold(axis, blocks, 1)
        return flat.reshape(around**self.dims, -1)

    def _in_place(self, pooled: Tensor) -> Tensor:
        """(B, places, blocks) to (B, *shape)."""
        cell, dims = self.grid.cell, self.dims
        apart = pooled.view(len(pooled), *(cell,) * dims, *self.blocks)
        order = chain.from_iterable((1 + dims + axis, 1 + axis) for axis in range(dims))
        whole = apart.permute(0, *order).reshape(len(pooled), *(cell * n for n in self.blocks))
        return whole[(slice(None), *(slice(self._first, self._first + size) for size in self.grid.shape))]

    def _apart(self, masks: Tensor) -> Tensor:
        """(B, *shape) to (B, places, blocks); infinite where blocks go on beyond the mask."""
        cell, first = self.grid.cell, self._first
        sides = [(first, cell * n - first - size) for n, size in zip(self.blocks, self.grid.shape, strict=True)]
        whole = functional.pad(masks, [*chain.from_iterable(reversed(sides))], value=inf)
        tiled = whole.view(len(masks), *chain.from_iterable((n, cell) for n in self.blocks))
        blocks, places = range(1, 2 * self.dims, 2), range(2, 2 * self.dims + 1, 2)
        return tiled.permute(0, *places, *blocks).reshape(len(masks), cell**self.dims, -1)

    @property
    def _first(self) -> int:
        """Where in its block the mask's first voxel stands."""
        return (self.grid.offset - self.grid.margin) % self.grid.cell


def _kernel(grid: Grid, dims: int) -> Tensor:
    """Of every neighbour at every place: (neighbours, places)."""
    along = torch.tensor(grid.distances(), dtype=torch.float64)
    squares = torch.zeros((1, 1), dtype=torch.float64)
    for _ in range(dims):
        squares = (squares[:, None, :, None] + along[None, :, None, :] ** 2).flatten(2).flatten(0, 1)
    return torch.exp(-SLOPE * (squares.sqrt() / grid.sigma - PLATEAU).clamp(min=0) ** 2)


class _Pooled(torch.autograd.Function):
    """Σ f·exp(T·f) / Σ exp(T·f) over the neighbours, f = cell · kernel."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, maximum: SmoothMaximum) -> Tensor:
        """From (B, padded cells) to (B, places, blocks)."""
        shape = (len(padded), maximum.kernel.shape[1], maximum.index.shape[1])
        above, below = padded.new_zeros(shape), padded.new_zeros(shape)
        for value, _, _ in maximum.terms(padded):
            weight = (COLDNESS * value).exp_()
            below += weight.sum(1)
            above += value.mul_(weight).sum(1)
        pooled = above.div_(below)
        ctx.maximum = maximum
        ctx.save_for_backward(padded, pooled, below)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        """By f: exp(T·f)·(1 + T·(f − pooled)) / Σ exp(T·f)."""
        padded, pooled, below = ctx.saved_tensors
        total, outer = torch.zeros_like(padded), (slope / below)[:, None]
        base = (1 - COLDNESS * pooled)[:, None]
        for value, kernel, index in ctx.maximum.terms(padded):
            value.mul_(COLDNESS)
            weight = value.exp()
            weight.mul_(value.add_(base)).mul_(outer)
            share = torch.einsum("bjpn,jp->bjn", weight, kernel)
            total.index_add_(1, index.flatten(), share.flatten(1))
        return total, None
