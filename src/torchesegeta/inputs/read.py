"""Files and arrays become `Image`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.errors import InputError
from torchesegeta.inputs.channels import to_channels_first
from torchesegeta.inputs.formats import read_file, stem_of
from torchesegeta.inputs.geometry import (
    expand_transform,
    invert,
    output_grid,
    reduce_transform,
    resample,
    transform_to_file,
)
from torchesegeta.inputs.preprocess import Steps, apply_steps
from torchesegeta.inputs.source import Source, as_float, check_finite, check_same_grid, join_channels
from torchesegeta.types import Affine, Grid, Image


def read_image(
    path: Path | str | Sequence[Path | str],
    *,
    name: str | None = None,
    label: Path | str | None = None,
    extras: Sequence[Tensor] = (),
    preprocess: Steps = (),
    spatial_dims: int | None = None,
) -> Image:
    """Read one image, with its label, and bring it onto the model's grid.

    Args:
        path: A file, or several whose channels are put behind one another.
        name: What the run calls the image; by default the first file's name without extension.
        label: A file of class numbers on the image's file grid. It is taken to the model's grid by nearest neighbour,
            through the affines; where the model sees more than the file, it is 0.
        extras: Further inputs of the model, without batch axis, passed on as they are.
        preprocess: MONAI transforms, for the image only.
        spatial_dims: 2 or 3 where the caller knows; settles which axis of a NumPy array is what.

    Returns:
        The image, float32, with the place of its grid in space and the grid of its first file.

    Raises:
        InputError: A file is missing, damaged or of another format, holds NaN or infinity, or does not fit the others.
        ConfigError: `preprocess` names no transform, a random one, or arguments that do not fit.
    """
    paths = _paths(path)
    source = join_channels([read_file(p, spatial_dims=spatial_dims) for p in paths])
    if spatial_dims not in (None, len(source.grid.shape)):
        raise InputError(f"{source.name} has {len(source.grid.shape)} spatial axes; {spatial_dims} are wanted")
    data = torch.from_numpy(np.ascontiguousarray(as_float(source.values, source.name)))
    data, to_file = _bring(data, source, preprocess)
    numbers = None if label is None else _label(Path(label), source.name, source.grid, to_file, data.shape[1:])
    return Image(
        data=data,
        affine=None if source.grid.affine is None else source.grid.affine @ to_file,
        name=check_name(name if name is not None else _folder_name(stem_of(paths[0]))),
        label=numbers,
        file_grid=source.grid,
        extras=tuple(extras),
        to_file=to_file if source.grid.affine is None else None,
    )


def read_label(path: Path | str, image: Image) -> Tensor:
    """Read class numbers that lie on the grid of an image's file, and bring them onto the model's grid.

    Args:
        path: The file.
        image: The image they belong to.

    Returns:
        (*spatial), int64, by nearest neighbour; 0 where the model sees more than the file.

    Raises:
        InputError: The file cannot be read, lies on another grid, or holds other than whole numbers.
    """
    grid = output_grid(image)
    return _label(Path(path), image.name, grid, transform_to_file(image, grid), image.shape)


def as_image(
    data: Image | Tensor | NDArray[Any] | Path | str, *, name: str | None = None, spatial_dims: int | None = None
) -> Image:
    """Make an image of what a caller has in memory, or of a file's path.

    Args:
        data: An `Image`; a path; a tensor or array as in `to_channels_first`, its values unscaled. The affine of a
            MONAI `MetaTensor` is kept.
        name: What the run calls it; by default the image's own name, the file's, or "image".
        spatial_dims: 2 or 3 where the caller knows; settles which axis is what.

    Raises:
        InputError: The data are of another type or shape, or hold NaN or infinity.
    """
    if isinstance(data, Path | str):
        return read_image(data, name=name, spatial_dims=spatial_dims)
    if isinstance(data, Image):
        return _checked(data, name, spatial_dims)
    if not isinstance(data, Tensor | np.ndarray):
        raise InputError(f"an image cannot be made of {type(data).__name__}; allowed: tensor, array, Image, path")
    called = check_name(name if name is not None else "image")
    tensor = _as_tensor(data, called)
    affine = getattr(data, "affine", None)
    place = np.asarray(affine, dtype=np.float64) if affine is not None and affine.shape == (4, 4) else None
    return Image(to_channels_first(tensor, spatial_dims=spatial_dims, name=called), place, called)


def check_name(name: str) -> str:
    """Refuse a name that could not be a folder's.

    Raises:
        InputError: Empty, hidden, or with characters that paths cannot hold.
    """
    if not re.fullmatch(r"[^\s./\\:*?\"<>|][^/\\:*?\"<>|\x00-\x1f]*", name):
        raise InputError(f"the image name {name!r} cannot be a folder's; allowed: letters, digits, '-', '_', '.', ' '")
    return name


def _folder_name(stem: str) -> str:
    return re.sub(r"[^\w.\-]+", "_", stem).lstrip(".") or "image"


def _paths(path: Path | str | Sequence[Path | str]) -> list[Path]:
    paths = [Path(path)] if isinstance(path, Path | str) else [Path(p) for p in path]
    if not paths:
        raise InputError("an image needs at least one file; the list of paths is empty")
    return paths


def _bring(data: Tensor, source: Source, steps: Steps) -> tuple[Tensor, Affine]:
    """Preprocess; also the transform from the new voxel indices to the file's, whole numbers where it nearly is."""
    if not steps:
        return data, np.eye(4)
    start = _working_affine(source.grid)
    data, end = apply_steps(data, start, steps, name=source.name)
    matrix = end if start is None else invert(start) @ end
    whole = matrix.round()
    return data, expand_transform(whole if np.allclose(matrix, whole, rtol=0, atol=1e-9) else matrix)


def _working_affine(grid: Grid) -> Affine | None:
    """What MONAI is told: for a 2D image a place in its own plane, since it knows no slices of a volume."""
    if grid.affine is None or len(grid.shape) == 3:
        return grid.affine
    plane = grid.affine[:3, :2]
    if np.allclose(plane[2], 0):
        return reduce_transform(grid.affine, 2)
    return np.diag([*np.linalg.norm(plane, axis=0), 1.0])


def _label(path: Path, image: str, grid: Grid, to_file: Affine, shape: Sequence[int]) -> Tensor:
    source = read_file(path, spatial_dims=len(grid.shape), label=True)
    check_same_grid(image, grid, source.name, source.grid, "a label must lie on the grid of the image's file")
    if len(source.values) != 1:
        raise InputError(f"label {source.name} has {len(source.values)} channels; allowed: one, of class numbers")
    values = as_float(source.values, f"label {source.name}")
    numbers = values.round()
    wrong = values != numbers
    if wrong.any():
        raise InputError(f"label {source.name} holds {values[wrong][0]:g}; allowed: whole numbers only")
    moved = resample(numbers.astype(np.int64), invert(to_file), shape, order=0)
    return torch.from_numpy(np.ascontiguousarray(moved[0]))


def _checked(image: Image, name: str | None, spatial_dims: int | None) -> Image:
    called = check_name(name if name is not None else image.name)
    if image.data.ndim not in (3, 4) or spatial_dims not in (None, image.spatial_dims):
        allowed = "(C, H, W) or (C, D, H, W)" if spatial_dims is None else f"{spatial_dims} spatial axes"
        raise InputError(f"image {called!r} has data of shape {tuple(image.data.shape)}; allowed: {allowed}")
    if image.label is not None and tuple(image.label.shape) != image.shape:
        raise InputError(f"image {called!r} has shape {image.shape}, its label {tuple(image.label.shape)}")
    return replace(image, data=_as_tensor(image.data, called), name=called)


def _as_tensor(data: Tensor | NDArray[Any], name: str) -> Tensor:
    """Float32 and finite; a tensor stays on its device, an array is copied."""
    if isinstance(data, np.ndarray):
        return torch.tensor(as_float(data, name))
    if data.is_complex():
        raise InputError(f"{name} holds complex values; allowed: booleans, integers, floats")
    # A plain tensor also of a MONAI MetaTensor, whose overridden operations would slow every pass.
    tensor = data.detach().as_subclass(Tensor).to(torch.float32)
    check_finite(tensor.cpu().numpy(), name)
    return tensor
