"""One reader per file format; the file's name tells which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchesegeta.errors import InputError, unknown
from torchesegeta.inputs.formats import nifti, numpy_file, picture, tiff
from torchesegeta.inputs.source import Source

FORMATS = {
    ".nii.gz": "NIfTI",
    ".nii": "NIfTI",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".npy": "NumPy",
    ".npz": "NumPy",
}


def read_file(path: Path, *, spatial_dims: int | None = None, label: bool = False) -> Source:
    """Read one file with the reader of its format.

    Args:
        path: The file; its extension is one of `FORMATS`, in either case.
        spatial_dims: 2 or 3 where the caller knows; settles which axis of a NumPy array is what.
        label: Whether the file holds class numbers, kept as they are stored (a palette's indices, 8-bit values).

    Raises:
        InputError: No such file, another format, a damaged file, or content that is no image.
    """
    suffix = suffix_of(path)
    with _reading(path, FORMATS[suffix]):
        match FORMATS[suffix]:
            case "NIfTI":
                return nifti.read(path)
            case "TIFF":
                return tiff.read(path, label=label)
            case "NumPy":
                return numpy_file.read(path, spatial_dims=spatial_dims)
            case _:
                return picture.read(path, label=label)


def suffix_of(path: Path) -> str:
    """The extension of an existing file, as in `FORMATS`.

    Raises:
        InputError: No such file, a folder, or an extension that no reader knows.
    """
    _check_exists(path)
    for suffix in FORMATS:
        if path.name.lower().endswith(suffix):
            return suffix
    raise InputError(f"{path}: {path.suffix or 'no extension'} is no image format; allowed: {', '.join(FORMATS)}")


def stem_of(path: Path) -> str:
    """The file's name without the extension."""
    return path.name[: -len(suffix_of(path))]


def _check_exists(path: Path) -> None:
    if path.is_file():
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder; give one file, or a list of files with a channel each")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    raise InputError(unknown("file", path.name, names, where=f"in {path.parent}"))


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into one kind of error."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # parsers raise anything from struct.error to KeyError on damaged files
        reason = str(error) or type(error).__name__
        message = f"{path} cannot be read as {kind}; is it complete, and what its name says? ({reason})"
        raise InputError(message) from error
