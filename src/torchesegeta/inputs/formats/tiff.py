"""TIFF, the formats of microscopes and of 2D maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs.source import Source
from torchesegeta.types import Grid

DEPTH, CHANNELS = "ZIQ", "CS"
"""The letters that tifffile gives to slices and unnamed pages, and to channels and colour samples."""


def read(path: Path, *, label: bool = False) -> Source:
    """Read a TIFF file, values as stored.

    One page is (C, rows, columns), several pages are a volume (C, pages, rows, columns); axes that the file names
    itself (ImageJ, OME) are taken at their word.

    Raises:
        InputError: Several images of different size, a palette, time points, pixels that are not opaque, or a
            compression that needs the package imagecodecs.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.series) != 1:
            raise InputError(f"{path.name} holds {len(file.series)} images of different kinds; save one of them alone")
        series = file.series[0]
        page: Any = series.keyframe
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and not label:
            raise InputError(f"{path.name} is coloured by a palette; save it in grey or RGB")
        values = _arrange(series.asarray(), series.axes, path)
        if any(extra in (1, 2) for extra in page.extrasamples):
            values = _without_alpha(values, path)
    return Source(path.name, values, Grid(values.shape[1:]))


def _arrange(values: NDArray[Any], axes: str, path: Path) -> NDArray[Any]:
    """The array as (C, [pages,] rows, columns)."""
    depth = [axis for axis in axes if axis in DEPTH]
    channels = [axis for axis in axes if axis in CHANNELS]
    order = [*channels, *depth, "Y", "X"]
    if sorted(order) != sorted(axes) or len(depth) > 1:
        sizes = dict(zip(axes, values.shape, strict=True))
        raise InputError(f"{path.name} has the axes {sizes}; allowed: Y, X, one of slices ({DEPTH}), and C, S")
    values = values.transpose([axes.index(axis) for axis in order])
    return values.reshape(-1, *values.shape[len(channels) :])


def _without_alpha(values: NDArray[Any], path: Path) -> NDArray[Any]:
    opaque = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
    count = int((values[-1] != opaque).sum())
    if count:
        raise InputError(f"{path.name} has {count} pixels that are not opaque; flatten it onto a background first")
    return values[:-1]
