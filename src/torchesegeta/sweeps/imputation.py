"""Voxels that are gone, filled in from those around them (Rong et al. 2022, arXiv:2202.00449), in 1D, 2D and 3D."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.errors import IncompatibleError

ACCURACY = 1e-6
"""Residual of the linear system, as a share of its right-hand side."""


def impute(image: Tensor, gone: Tensor) -> Tensor:
    """Fill in voxels, so that each is the weighted mean of all its neighbours within the image.

    Neighbours across a face count twice as much as those across an edge, and these twice as much as those across a
    corner: in 2D 1/6 and 1/12, as published.

    Args:
        image: (C, *spatial); what it holds at those voxels is not looked at.
        gone: (*spatial), boolean.

    Returns:
        (C, *spatial), the image elsewhere.

    Raises:
        IncompatibleError: All voxels are gone.
    """
    where = gone.cpu().numpy()
    if where.all():
        raise IncompatibleError("nothing of the image is left to fill the rest in from")
    if not where.any():
        return image.clone()
    known = image.double().cpu().numpy()
    filled = known.copy()
    filled[:, where] = _solve(known, where)
    return torch.from_numpy(filled).to(image)


def _solve(known: NDArray[np.float64], gone: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The missing values, (C, missing): the system is symmetric and positive definite, one for all channels."""
    from scipy.sparse import coo_array, dia_array
    from scipy.sparse.linalg import cg

    count = int(gone.sum())
    diagonal, right = np.zeros(count), np.zeros((len(known), count))
    rows, columns, entries = [], [], []
    for weight, number, values in _neighbours(known, gone):
        inside, missing = number > OUTSIDE, number >= 0
        diagonal += weight * inside
        right += weight * np.where(inside & ~missing, values, 0)
        (row,) = np.nonzero(missing)
        rows.append(row)
        columns.append(number[missing])
        entries.append(np.full(len(row), -weight))
    placed = (np.concatenate(rows), np.concatenate(columns))
    matrix = coo_array((np.concatenate(entries), placed), shape=(count, count)).tocsr()
    matrix += dia_array((diagonal[None], [0]), shape=(count, count))
    scaled = dia_array((1 / diagonal[None], [0]), shape=(count, count))
    starts = np.broadcast_to(known[:, ~gone].mean(1, keepdims=True), right.shape)
    pairs = zip(right, starts, strict=True)
    return np.stack([cg(matrix, one, start, rtol=ACCURACY, M=scaled)[0] for one, start in pairs])


OUTSIDE, KNOWN = -2, -1


def _neighbours(
    known: NDArray[np.float64], gone: NDArray[np.bool_]
) -> Iterator[tuple[float, NDArray[np.int64], NDArray[np.float64]]]:
    """For each way to a neighbour its weight and, for every missing voxel, the neighbour's number and values (C, …).

    The number is that among the missing voxels, `KNOWN` or `OUTSIDE` where it has none.
    """
    numbers = np.full(gone.shape, KNOWN, dtype=np.int64)
    numbers[gone] = np.arange(int(gone.sum()))
    numbers = np.pad(numbers, 1, constant_values=OUTSIDE)
    padded = np.pad(known, [(0, 0), *[(1, 1)] * gone.ndim])
    for way in product((-1, 0, 1), repeat=gone.ndim):
        steps = sum(map(abs, way))
        if steps:
            there = tuple(slice(1 + w, 1 + w + n) for w, n in zip(way, gone.shape, strict=True))
            yield 2.0 ** (1 - steps), numbers[there][gone], padded[(slice(None), *there)][:, gone]
