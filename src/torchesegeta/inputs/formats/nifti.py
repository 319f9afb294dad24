"""NIfTI-1 and NIfTI-2: `.nii`, `.nii.gz`."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs.source import Source
from torchesegeta.types import Affine, Grid

BLOCK = 2**20
MILLIMETRES = {"meter": 1e3, "micron": 1e-3}


def read(path: Path) -> Source:
    """Read a NIfTI file.

    (X, Y, Z) is one channel; axes of length 1 at the end do not count; (X, Y) and (X, Y, 1) are 2D; of four or five
    axes one after the third may be longer than 1 and holds the channels; RGB voxels are channels.

    Raises:
        InputError: Too many axes, complex values, or an affine that cannot be inverted.
    """
    import nibabel

    file: Any = nibabel.load(path, mmap=False)
    if path.suffix.lower() == ".gz":
        _check_whole(path)
    values = _channels_first(_real(np.asanyarray(file.dataobj), path), path)
    affine = affine_of(file.header)
    if not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        raise InputError(f"{path.name}: the affine cannot be inverted: {affine[:3].tolist()}")
    return Source(path.name, values, Grid(values.shape[1:], affine, file.header.copy()))


def affine_of(header: Any) -> Affine:
    """Voxel indices to millimetres, from a NIfTI header: the sform, else the qform, else the voxel sizes."""
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    return affine


def _check_whole(path: Path) -> None:
    """Read a compressed file to its end, where its checksum is: nibabel stops at the last voxel.

    Raises:
        EOFError: It ends too early.
        OSError: The checksum is another.
    """
    with gzip.open(path) as stream:
        while stream.read(BLOCK):
            pass


def _real(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.dtype.names:
        return np.stack([values[field] for field in values.dtype.names], axis=-1)
    if values.dtype.kind == "c":
        raise InputError(f"{path.name} holds complex values; save their magnitude or phase as channels")
    return values


def _channels_first(values: NDArray[Any], path: Path) -> NDArray[Any]:
    shape = values.shape
    if 0 in shape or len(shape) < 2:
        raise InputError(f"{path.name} is empty: its shape is {shape}")
    further = [size for size in shape[3:] if size > 1]
    if len(further) > 1:
        raise InputError(f"{path.name} has shape {shape}; allowed: two or three spatial axes and one of channels")
    channels = further[0] if further else 1
    spatial = shape[:2] if len(shape) < 3 or shape[2] == 1 else shape[:3]
    return np.moveaxis(values.reshape(*spatial, channels), -1, 0)
