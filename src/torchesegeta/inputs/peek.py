"""What a file says it holds, from its header alone: before it is read, and before memory is taken for it."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import FORMATS, suffix_of

BLOCK = 2**20
LONGEST_HEADER = 540
"""Bytes of the longest NIfTI header."""
SLACK = 2**24
"""Bytes that a packed NIfTI file may hold beyond its voxels: extensions."""


@dataclass(frozen=True)
class Peek:
    """What a header says.

    Attributes:
        shape: Axes in the order of the file.
        item_bytes: Bytes of a value.
        spatial_dims: 2 or 3, where the header tells.
        stored: Bytes there are for the values in the file; None where they are packed.
        offset: Bytes before the values, once they are unpacked.
    """

    shape: tuple[int, ...]
    item_bytes: int
    spatial_dims: int | None = None
    stored: int | None = None
    offset: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of the values once they are read, at least those of float32."""
        return prod(self.shape) * max(4, self.item_bytes)


def peek(path: Path) -> Peek | None:
    """Read a file's header.

    Returns:
        What it says; None for formats whose header is not known here.

    Raises:
        InputError: The file is missing, of no image format, or its header is damaged.
    """
    kind = FORMATS[suffix_of(path)]
    look = PEEKS.get(kind)
    if look is None:
        return None
    try:
        return look(path)
    except InputError:
        raise
    except Exception as error:  # parsers raise anything on damaged files
        raise InputError(f"{path.name} cannot be read as {kind}; is it complete, and what its name says?") from error


def check_size(path: Path, most: int, *, unpack: bool = True) -> Peek | None:
    """Refuse a file that holds less than its header says, or more than fits.

    A packed file is unpacked piece by piece and counted; nothing of it is kept.

    Args:
        path: The file.
        most: Bytes of values that fit.
        unpack: Whether packed files are unpacked and counted.

    Raises:
        InputError: It says that it holds more than `most`, or its header and its content do not agree.
    """
    seen = peek(path)
    if seen is None:
        return None
    if seen.bytes > most:
        shape = " × ".join(map(str, seen.shape))
        raise InputError(f"{path.name} says it holds {shape} values, {_size(seen.bytes)}; at most {_size(most)} fit")
    wanted = prod(seen.shape) * seen.item_bytes
    if seen.stored is not None and seen.stored < wanted:
        raise InputError(f"{path.name} says it holds {_size(wanted)} of values and has {_size(seen.stored)}")
    if unpack and path.name.lower().endswith(".gz"):
        _check_unpacked(path, wanted, seen.offset)
    return seen


def _check_unpacked(path: Path, wanted: int, offset: int) -> None:
    count = -offset
    try:
        with gzip.open(path) as stream:
            while block := stream.read(BLOCK):
                count += len(block)
                if count > wanted + SLACK:
                    raise InputError(f"{path.name} unpacks to far more than the {_size(wanted)} its header says")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be unpacked; is it complete?") from error
    if count < wanted:
        raise InputError(f"{path.name} says it holds {_size(wanted)} of values and unpacks to {_size(max(0, count))}")


def _size(count: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count //= 1000
    return f"{count:,} GB"


def _nifti(path: Path) -> Peek:
    import nibabel

    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as stream:
        start = stream.read(LONGEST_HEADER)
    kind: Any = nibabel.Nifti2Header if _starts_with(start, 540) else nibabel.Nifti1Header
    if kind is nibabel.Nifti1Header and not _starts_with(start, 348):
        raise InputError(f"{path.name} is no NIfTI file: it does not begin with a NIfTI header")
    header = kind.from_fileobj(io.BytesIO(start), check=False)
    shape = tuple(int(size) for size in header.get_data_shape())
    offset = max(0, int(header["vox_offset"]))
    stored = None if packed else path.stat().st_size - offset
    dims = 2 if len(shape) < 3 or shape[2] == 1 else 3
    return Peek(shape, header.get_data_dtype().itemsize, dims, stored, offset)


def _starts_with(start: bytes, size: int) -> bool:
    return start[:4] in (size.to_bytes(4, "little"), size.to_bytes(4, "big"))


def _picture(path: Path) -> Peek:
    from PIL import Image as Pictures

    try:
        with Pictures.open(path, formats=("PNG", "JPEG")) as picture:
            width, height = picture.size
            return Peek((height, width, len(picture.getbands())), 4, 2)
    except Pictures.DecompressionBombError as error:
        raise InputError(f"{path.name} says it is a picture of far too many pixels") from error


def _tiff(path: Path) -> Peek:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page: Any = series.keyframe
        plain = page.compression == tifffile.COMPRESSION.NONE
        dims = 3 if any(axis in "ZIQ" and size > 1 for axis, size in zip(series.axes, series.shape, strict=True)) else 2
        stored = path.stat().st_size if plain else None
        return Peek(tuple(series.shape), np.dtype(series.dtype).itemsize, dims, stored)


def _numpy(path: Path) -> Peek:
    if path.name.lower().endswith(".npy"):
        with path.open("rb") as stream:
            return _array(stream, path.stat().st_size, path)
    with zipfile.ZipFile(path) as file:
        entries = file.infolist()
        if len(entries) != 1:
            raise InputError(f"{path.name} holds {len(entries)} arrays; save one of them alone")
        with file.open(entries[0]) as stream:
            return _array(stream, entries[0].file_size, path)


def _array(stream: IO[bytes], size: int, path: Path) -> Peek:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(stream)
    if kind.hasobject:
        raise InputError(f"{path.name} holds Python objects, which are never read; save numbers")
    return Peek(tuple(shape), kind.itemsize, None, size - stream.tell())


PEEKS: dict[str, Callable[[Path], Peek]] = {
    "NIfTI": _nifti,
    "PNG": _picture,
    "JPEG": _picture,
    "TIFF": _tiff,
    "NumPy": _numpy,
}
"""Who reads the header of a format."""
