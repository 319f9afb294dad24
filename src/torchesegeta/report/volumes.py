"""Images and maps as the viewer takes them: NIfTI files, also of what is flat."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs import check_size
from torchesegeta.inputs.formats import read_file
from torchesegeta.types import Affine, layer_affine

COLOURS = 3
STEPS = 32767
"""The largest number of 16 bits."""


def to_nifti(
    values: NDArray[Any],
    affine: Affine | None = None,
    *,
    over: Sequence[int] | None = None,
    colours: bool = False,
    small: bool = False,
) -> bytes:
    """An array as a packed NIfTI file.

    Volumes keep their axes and their place. What is flat becomes a slice whose first axis goes to the right and whose
    second goes down the picture, a pixel to a millimetre.

    Args:
        values: (C, *spatial).
        affine: The volume's place in space.
        over: Spatial shape of the flat image that a flat map of another size lies over.
        colours: Whether three channels are red, green and blue; other channels are summed.
        small: Whether values are stored in 16 bits, in equal steps over their range: enough to be looked at.
    """
    import nibabel

    if values.ndim == 4:
        data, place = values.sum(0) if len(values) > 1 else values[0], affine
    else:
        keep = colours and len(values) == COLOURS
        data, place = _flat(values, keep), _flat_affine(values.shape[1:], over)
    numbers, slope = _in_steps(data) if small else (np.asarray(data, dtype=np.float32), None)
    file = nibabel.Nifti1Image(numbers, np.eye(4) if place is None else place)
    file.header.set_xyzt_units("mm")
    if slope is not None:
        file.header.set_slope_inter(slope, 0)
    return gzip.compress(file.to_bytes(), compresslevel=6 if small else 1, mtime=0)


def _in_steps(values: NDArray[Any]) -> tuple[NDArray[np.int16], float]:
    """Values as whole numbers of steps, and the step: 1 for class numbers."""
    largest = float(np.abs(values).max(initial=0))
    whole = largest <= STEPS and bool((values == np.round(values)).all())
    step = 1.0 if whole or largest == 0 else largest / STEPS
    return np.round(values / step).astype(np.int16), step


def _flat(values: NDArray[Any], keep: bool) -> NDArray[Any]:
    """(C, rows, columns) as (columns, rows, 1), with colours as the fifth axis."""
    if keep:
        return values.transpose(2, 1, 0)[:, :, None, None, :]
    summed: NDArray[Any] = values.sum(0) if len(values) > 1 else values[0]
    return summed.T[:, :, None]


def _flat_affine(shape: Sequence[int], over: Sequence[int] | None) -> Affine:
    place = layer_affine(np.eye(4), over, shape) if over is not None and tuple(over) != tuple(shape) else None
    return np.eye(4) if place is None else place[np.ix_([1, 0, 2, 3], [1, 0, 2, 3])]


def image_volume(path: Path, most: int, *, small: bool = False) -> bytes:
    """An image's file for the viewer: its first channel, or the colours of a picture.

    Args:
        path: The file.
        most: Bytes that its values may take.
        small: See `to_nifti`.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    check_size(path, most, unpack=False)
    source = read_file(path)
    flat = source.values.ndim == 3
    values = source.values if flat and len(source.values) == COLOURS else source.values[:1]
    return to_nifti(values, source.grid.affine, colours=True, small=small)


def map_volume(path: Path, most: int, over: Sequence[int] | None, *, small: bool = False) -> bytes | None:
    """A map's file for the viewer, channels summed; None for maps without spatial axes.

    Args:
        path: The file.
        most: Bytes that its values may take.
        over: Spatial shape of the image, for flat maps of layers.
        small: See `to_nifti`.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    if path.suffix == ".npy":
        return None
    check_size(path, most, unpack=False)
    source = read_file(path)
    return to_nifti(source.values.astype(np.float32, copy=False), source.grid.affine, over=over, small=small)


def value_at(path: Path, most: int, voxel: Sequence[int]) -> tuple[float, list[float] | None]:
    """A map's value at a voxel of its file, channels summed, and where that lies in millimetres.

    Raises:
        InputError: The file cannot be read, or there is no such voxel.
    """
    check_size(path, most, unpack=False)
    source = read_file(path)
    shape, affine = source.grid.shape, source.grid.affine
    if len(voxel) != len(shape) or not all(0 <= i < size for i, size in zip(voxel, shape, strict=True)):
        raise InputError(f"there is no voxel {tuple(voxel)} in a map of shape {shape}")
    place: Any = (slice(None), *voxel)
    value = float(source.values[place].sum())
    if affine is None:
        return value, None
    return value, [float(x) for x in (affine @ [*voxel, *[0] * (3 - len(voxel)), 1])[:3]]
