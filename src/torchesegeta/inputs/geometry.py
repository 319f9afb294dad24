"""Taking values from one voxel grid to another, through affines.

A transform is a (4, 4) matrix from the voxel indices of one grid to those of another. A 2D grid uses rows and columns
0, 1 and 3 of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.errors import InputError
from torchesegeta.types import Affine, Grid, Image

EXACT = 1e-3
"""Voxels: a transform this near to whole numbers, over the whole grid, is taken for exact."""


def output_grid(image: Image) -> Grid:
    """The grid that maps of this image are written on: the file's, or the image's own where it came from no file."""
    return image.file_grid or Grid(image.shape, image.affine)


def to_file_grid(values: Tensor, image: Image, *, order: Literal[0, 1] = 1) -> NDArray[Any]:
    """A map on the model's grid, taken to the grid of the image's file.

    Where the grids differ by permuted or flipped axes, crops and pads only, every value is kept bit for bit; otherwise
    it is interpolated. Voxels of the file that the model did not see are 0.

    Args:
        values: (C, *spatial), on the image's grid.
        image: The image that was explained.
        order: 1 for maps (linear), 0 for labels (nearest).

    Returns:
        (C, *file spatial), of the values' type.

    Raises:
        InputError: The values are not on the image's grid, or nothing tells where that lies in the file.
    """
    if tuple(values.shape[1:]) != image.shape:
        raise InputError(f"values of shape {tuple(values.shape)} are not on the image's grid {image.shape}")
    array: NDArray[Any] = values.detach().cpu().numpy()
    grid = image.file_grid
    return array if grid is None else resample(array, transform_to_file(image, grid), grid.shape, order=order)


def file_keeps_all(image: Image) -> bool:
    """Whether maps on the file's grid hold every value of those on the model's, so that they can be taken back."""
    grid = image.file_grid
    if grid is None:
        return True
    matrix = reduce_transform(transform_to_file(image, grid), len(grid.shape))
    ends = (matrix @ _corners(image.shape))[:-1].T
    inside = (ends > -EXACT).all() and (ends < np.array(grid.shape) - 1 + EXACT).all()
    return bool(inside) and _whole_steps(matrix, image.shape) is not None


def from_file_grid(values: NDArray[Any], image: Image) -> NDArray[Any]:
    """What `to_file_grid` made, taken back to the model's grid; bit for bit where `file_keeps_all`.

    Args:
        values: (C, *file spatial).
        image: The image that was explained.
    """
    grid = image.file_grid
    return values if grid is None else resample(values, invert(transform_to_file(image, grid)), image.shape)


def transform_to_file(image: Image, grid: Grid) -> Affine:
    """The transform from the voxels of an image to those of its file.

    Raises:
        InputError: Nothing tells where the one grid lies in the other.
    """
    if image.to_file is not None:
        return image.to_file
    if image.affine is not None and grid.affine is not None:
        return np.asarray(invert(grid.affine) @ image.affine)
    if grid.shape != image.shape:
        raise InputError(f"image {image.name!r}: nothing tells where its grid {image.shape} lies in {grid.shape}")
    return np.eye(4)


def resample(
    values: NDArray[Any], transform: Affine, shape: Sequence[int], *, order: Literal[0, 1] = 1
) -> NDArray[Any]:
    """Values on one grid, taken to another.

    A voxel fills half a step to each side; beyond the outermost faces all is 0. A finer grid is sampled by a coarser
    one as it is, without smoothing first.

    Args:
        values: (C, *spatial).
        transform: (4, 4): voxel indices of the values' grid to those of the wanted grid.
        shape: The wanted spatial shape, with as many axes.
        order: 1 linear, 0 nearest. Without effect where voxels fall on voxels: then the values are kept bit for bit.

    Returns:
        (C, *shape), of the values' type.
    """
    matrix = reduce_transform(transform, len(shape))
    whole = _whole_steps(matrix, values.shape[1:])
    if whole is not None:
        return _move(values, whole, shape)
    return _interpolate(values, invert(matrix), tuple(shape), order)


def reduce_transform(transform: Affine, spatial_dims: int) -> Affine:
    """The (n + 1, n + 1) part of a (4, 4) matrix that concerns n spatial axes."""
    keep = [*range(spatial_dims), 3]
    return np.asarray(transform[np.ix_(keep, keep)], dtype=np.float64)


def expand_transform(matrix: Affine) -> Affine:
    """The (4, 4) matrix of an (n + 1, n + 1) one; further axes stay as they are."""
    keep = [*range(len(matrix) - 1), 3]
    transform = np.eye(4)
    transform[np.ix_(keep, keep)] = matrix
    return transform


def invert(transform: Affine) -> Affine:
    """The transform the other way round."""
    return np.asarray(np.linalg.inv(transform), dtype=np.float64)


def largest_shift(transform: Affine, shape: Sequence[int]) -> float:
    """How many voxels a transform moves the voxel of the grid that it moves most."""
    matrix = reduce_transform(transform, len(shape))
    return float(np.abs((matrix - np.eye(len(matrix))) @ _corners(shape)).max())


def _corners(shape: Sequence[int]) -> NDArray[np.float64]:
    return np.array([(*corner, 1) for corner in product(*((0, size - 1) for size in shape))], dtype=np.float64).T


def _whole_steps(matrix: Affine, shape: Sequence[int]) -> NDArray[np.int64] | None:
    """The matrix in integers where it only permutes, flips and shifts axes by whole voxels; otherwise None."""
    whole = matrix.round()
    axes = np.abs(whole[:-1, :-1])
    if not ((axes.sum(axis=0) == 1).all() and (axes.sum(axis=1) == 1).all()):
        return None
    if np.abs((matrix - whole) @ _corners(shape)).max() > EXACT:
        return None
    return whole.astype(np.int64)


def _move(values: NDArray[Any], whole: NDArray[np.int64], shape: Sequence[int]) -> NDArray[Any]:
    linear, offset = whole[:-1, :-1], whole[:-1, -1]
    origin = np.abs(linear).argmax(axis=1)
    flipped = linear.sum(axis=1) < 0
    moved = np.flip(values.transpose(0, *(origin + 1)), axis=tuple(np.flatnonzero(flipped) + 1))
    start = offset - np.where(flipped, np.array(moved.shape[1:]) - 1, 0)
    result = np.zeros((len(values), *shape), dtype=values.dtype)
    ends = start + moved.shape[1:]
    inside = [slice(max(0, a), max(0, min(b, size))) for a, b, size in zip(start, ends, shape, strict=True)]
    taken = [slice(s.start - a, max(s.start, s.stop) - a) for s, a in zip(inside, start, strict=True)]
    result[:, *inside] = moved[:, *taken]
    return result


def _interpolate(values: NDArray[Any], inverse: Affine, shape: tuple[int, ...], order: Literal[0, 1]) -> NDArray[Any]:
    from scipy.ndimage import affine_transform

    def sample(channel: NDArray[Any], order: int, mode: str) -> NDArray[Any]:
        place = {"matrix": inverse[:-1, :-1], "offset": inverse[:-1, -1], "output_shape": shape}
        return np.asarray(affine_transform(channel, **place, order=order, mode=mode, prefilter=False))

    if order == 0:
        return np.stack([sample(channel, 0, "grid-constant") for channel in values])
    # Extended to the outermost faces, where "constant" would stop at the centres of the outermost voxels.
    seen = sample(np.ones(values.shape[1:], dtype=np.uint8), 0, "grid-constant").astype(bool)
    return np.stack([np.where(seen, sample(channel, 1, "nearest"), 0) for channel in values]).astype(values.dtype)
