"""PNG and JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from torchesegeta.errors import InputError
from torchesegeta.inputs.source import Source
from torchesegeta.types import Grid

DEEP_GREY = {"I", "I;16", "I;16B", "I;16L"}


def read(path: Path, *, label: bool = False) -> Source:
    """Read a picture as (C, rows, columns), each row as it is stored (an EXIF rotation is not applied).

    Grey pictures, and palettes of greys, have one channel, others red, green and blue. Values are divided by the
    largest that the file can hold. A label keeps its numbers instead, and of a palette the indices.

    Raises:
        InputError: A label with colours, or pixels that are not opaque.
    """
    with Pictures.open(path, formats=("PNG", "JPEG")) as picture:
        picture.load()
        values = _numbers(picture, path) if label else _colours(picture, path)
    return Source(path.name, values, Grid(values.shape[1:]))


def _numbers(picture: Pictures.Image, path: Path) -> NDArray[Any]:
    if picture.mode not in {"1", "L", "P", *DEEP_GREY}:
        raise InputError(f"{path.name} has colours ({picture.mode}); a label holds one whole number per pixel")
    return np.asarray(picture)[None]


def _colours(picture: Pictures.Image, path: Path) -> NDArray[Any]:
    _check_opaque(picture, path)
    if picture.mode in DEEP_GREY:
        return np.asarray(picture, dtype=np.float32)[None] / np.float32(65535)
    grey = picture.mode in {"1", "L", "LA"} or (picture.mode in {"P", "PA"} and _grey_palette(picture))
    values = np.asarray(picture.convert("L" if grey else "RGB"), dtype=np.float32) / np.float32(255)
    return values[None] if grey else np.moveaxis(values, -1, 0)


def _grey_palette(picture: Pictures.Image) -> bool:
    colours = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _check_opaque(picture: Pictures.Image, path: Path) -> None:
    """Colours under transparent pixels are arbitrary, so alpha is dropped only where it says nothing."""
    if not picture.has_transparency_data:
        return
    alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    count = int((alpha < 255).sum())
    if count:
        raise InputError(f"{path.name} has {count} pixels that are not opaque; flatten it onto a background first")
