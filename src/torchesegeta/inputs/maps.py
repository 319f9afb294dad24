"""Maps in files: NIfTI in three dimensions, or where the image was one; TIFF for other 2D images."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import nifti, read_file
from torchesegeta.ledger import replacing
from torchesegeta.types import Affine, Grid

PLACE = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
"""The fields of a NIfTI header that say where the voxels lie."""

ALIGNED = 2
"""The NIfTI code of a place in some file's space, for a grid whose header does not say."""


def map_suffix(grid: Grid) -> str:
    """`.nii.gz` for volumes and for slices of NIfTI files, `.tif` for other 2D images."""
    return ".nii.gz" if len(grid.shape) == 3 or grid.header is not None else ".tif"


def write_map(path: Path, values: NDArray[np.floating[Any]], grid: Grid) -> None:
    """Write a map as float32, whole or not at all; equal maps give equal files.

    A NIfTI file has the place in space of the grid's header, bit for bit, where the header describes the grid, else of
    the grid's affine; nothing else of the header is copied. One channel has the image's axes, several come last. In a
    TIFF file several channels are the pages.

    Args:
        path: The final name, which ends in `map_suffix(grid)`; its folder is made.
        values: (C, *spatial).
        grid: The grid the values are on.

    Raises:
        InputError: The values are not on the grid, or the name ends otherwise.
        StoreError: The file cannot be written, for instance because the disk is full.
    """
    if values.shape[1:] != grid.shape:
        raise InputError(f"a map of shape {values.shape} is not on the grid {grid.shape}")
    if not path.name.endswith(map_suffix(grid)):
        raise InputError(f"{path.name}: a map on this grid is a {map_suffix(grid)} file")
    numbers = np.ascontiguousarray(values, dtype=np.float32)
    with replacing(path, durable=False) as stream:
        if map_suffix(grid) == ".tif":
            _write_tiff(stream, numbers)
        else:
            # Level 1: maps are noise in their lower bits, and higher levels take ten times longer for a few percent.
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=stream, mtime=0) as packed:
                _to_nifti(numbers, grid).to_stream(packed)


def read_map(path: Path) -> tuple[NDArray[np.float32], Affine | None]:
    """Read what `write_map` wrote.

    Returns:
        The values (C, *spatial), and their affine, or None without a place in space.

    Raises:
        InputError: The file does not exist or cannot be read.
    """
    source = read_file(path)
    header = source.grid.header
    placed = header is not None and (header["sform_code"] or header["qform_code"] or header["xyzt_units"])
    return source.values.astype(np.float32, copy=False), source.grid.affine if placed else None


def _write_tiff(stream: BinaryIO, values: NDArray[np.float32]) -> None:
    import tifffile

    one = len(values) == 1
    axes = {"axes": "YX" if one else "CYX"}
    tifffile.imwrite(stream, values[0] if one else values, photometric="minisblack", metadata=axes)


def _to_nifti(values: NDArray[np.float32], grid: Grid) -> Any:
    import nibabel

    header = grid.header
    kind: Any = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    data = _channels_last(values, grid)
    new = kind.header_class()
    new.set_data_dtype(np.float32)
    new.set_data_shape(data.shape)
    if header is not None and _describes(header, grid):
        for field in PLACE:
            new[field] = header[field]
    elif grid.affine is not None:
        code = ALIGNED if header is None else int(header["sform_code"] or header["qform_code"] or ALIGNED)
        new.set_zooms([*np.linalg.norm(grid.affine[:3, :3], axis=0), 1.0][: data.ndim])
        new.set_sform(grid.affine, code=code)
        new.set_xyzt_units("mm")
    return kind(data, None, new)


def _describes(header: Any, grid: Grid) -> bool:
    shape = tuple(header.get_data_shape())[: len(grid.shape)]
    return grid.affine is not None and shape == grid.shape and np.array_equal(nifti.affine_of(header), grid.affine)


def _channels_last(values: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """The array with a NIfTI file's axes; a slice keeps the third axis where the image's file has one."""
    several = len(values) > 1
    flat = grid.header is None or len(grid.header.get_data_shape()) == 2
    if len(grid.shape) == 2 and (several or not flat):
        values = values[..., None]
    return np.moveaxis(values, 0, -1) if several else values[0]
