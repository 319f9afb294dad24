"""NumPy files: `.npy`, and `.npz` with one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs.channels import MOST_COLOURS, to_channels_first
from torchesegeta.inputs.source import Source
from torchesegeta.types import Grid


def read(path: Path, *, spatial_dims: int | None = None) -> Source:
    """Read an array; `to_channels_first` says which axis is what.

    Files differ from arrays in memory in one point: three axes, the first longer than 4, are a volume (D, H, W) unless
    `spatial_dims` says otherwise.

    Raises:
        InputError: Several arrays, Python objects, or a shape that is no image's.
    """
    array = _load(path)
    if spatial_dims is None and array.ndim == 3 and array.shape[0] > MOST_COLOURS:
        spatial_dims = 3
    values = to_channels_first(array, spatial_dims=spatial_dims, name=path.name)
    return Source(path.name, values, Grid(values.shape[1:]))


def _load(path: Path) -> NDArray[Any]:
    content = np.load(path, allow_pickle=False)
    if isinstance(content, np.ndarray):
        return content
    with content:
        names = list(content.files)
        if len(names) != 1:
            raise InputError(f"{path.name} holds {len(names)} arrays ({', '.join(names)}); save one of them alone")
        return np.asarray(content[names[0]])
