"""Preprocessing: MONAI transforms by name, with the place of every voxel followed.

Only transforms are offered whose effect on the grid is known: those that change values alone, and those whose affine
the tests hold against the voxels they move. Random ones would make an explanation unrepeatable.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from torchesegeta.errors import ConfigError, InputError, unknown
from torchesegeta.inputs.source import check_finite
from torchesegeta.types import Affine

Steps: TypeAlias = Sequence[Mapping[str, Any]]
"""`{"name": "ScaleIntensity", ...arguments}`, in order of application."""

Transform: TypeAlias = Callable[[Tensor], Tensor]

MILLIMETRE = frozenset({"Orientation", "Spacing"})
"""Meaningless without a place in space."""

GEOMETRY = MILLIMETRE | {
    *("Affine", "Flip", "Resize", "Rotate", "Rotate90", "Zoom"),
    *("BorderPad", "DivisiblePad", "Pad", "SpatialPad"),
    *("CenterScaleCrop", "CenterSpatialCrop", "CropForeground", "ResizeWithPadOrCrop", "SpatialCrop"),
}

INTENSITY = frozenset(
    {
        *("AdjustContrast", "ClipIntensityPercentiles", "HistogramNormalize", "NormalizeIntensity"),
        *("ScaleIntensity", "ScaleIntensityFixedMean", "ScaleIntensityRange", "ScaleIntensityRangePercentiles"),
        *("ShiftIntensity", "StdShiftIntensity", "ThresholdIntensity"),
        *("GaussianSharpen", "GaussianSmooth", "MedianSmooth", "SavitzkyGolaySmooth", "ImageFilter"),
        *("GibbsNoise", "RepeatChannel", "RemoveRepeatedChannel"),
    }
)

ALLOWED = GEOMETRY | INTENSITY

WITHHELD = frozenset({"device", "image_only", "lazy", "recompute_affine"})
"""Arguments on how a transform runs, not what it does; and one with which MONAI's Spacing forgets the image's place."""

PADDING = frozenset({"constant_values", "end_values", "reflect_type", "stat_length", "value"})
"""What transforms that pad hand on to the function that does it."""


def build_transforms(steps: Steps) -> list[tuple[str, Transform]]:
    """Make the transforms of a config, so that its mistakes show before anything runs.

    Returns:
        For each step, how messages call it, such as "preprocess[1] Spacing", and the transform.

    Raises:
        ConfigError: A step without a name, an unknown or a random transform, or arguments that do not fit.
    """
    return [_build(dict(step), f"preprocess[{index}]") for index, step in enumerate(steps)]


def _build(arguments: dict[str, Any], where: str) -> tuple[str, Transform]:
    name = arguments.pop("name", None)
    kind = _find(name, where)
    where = f"{where} {name}"
    _check_arguments(kind, arguments, where)
    if "image_only" in inspect.signature(kind).parameters:
        arguments["image_only"] = True
    try:
        with warnings.catch_warnings():
            # MONAI announces a changed default of Orientation's labels at each use.
            warnings.simplefilter("ignore", FutureWarning)
            return where, kind(**arguments)
    except Exception as error:  # whatever a constructor raises, the config's arguments are the cause
        raise ConfigError(f"{where}: the arguments {arguments} do not fit: {error}") from error


def _check_arguments(kind: Callable[..., Transform], arguments: Mapping[str, Any], where: str) -> None:
    signature = inspect.signature(kind)
    variable = {p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD}
    allowed = set(signature.parameters) - variable - WITHHELD | (PADDING if variable else frozenset())
    for argument in arguments:
        if argument not in allowed:
            raise ConfigError(f"{where}: {unknown('argument', argument, allowed)}")
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}; its arguments: {', '.join(sorted(allowed))}") from error


def _find(name: object, where: str) -> Callable[..., Transform]:
    import monai.transforms

    if not isinstance(name, str):
        raise ConfigError(f"{where}: a step is an object with the 'name' of a MONAI transform; got {name!r}")
    if name in ALLOWED:
        kind: Callable[..., Transform] = getattr(monai.transforms, name)
        return kind
    found = getattr(monai.transforms, name, None)
    random, container = monai.transforms.Randomizable, monai.transforms.Compose
    if inspect.isclass(found) and issubclass(found, random) and not issubclass(found, container):
        raise ConfigError(f"{where}: {name!r} is random, and an explanation must be repeatable; take it out")
    if inspect.isclass(found) and not found.__name__.endswith("d"):
        raise ConfigError(
            f"{where}: MONAI's {name!r} cannot be used here: images already are (C, *spatial), and only changes of "
            f"intensity and of the grid are followed; allowed: {', '.join(sorted(ALLOWED))}"
        )
    raise ConfigError(f"{where}: {unknown('transform', name, ALLOWED)}")


def apply_steps(data: Tensor, affine: Affine | None, steps: Steps, *, name: str) -> tuple[Tensor, Affine]:
    """Run the steps on an image.

    Args:
        data: (C, *spatial), float32.
        affine: (n + 1, n + 1) for n spatial axes: voxel indices to millimetres, or None without a place in space.
        steps: What to do.
        name: What the image is called in messages.

    Returns:
        The new data, float32, and its affine; without a place in space that is new voxel indices to old ones.

    Raises:
        ConfigError: As `build_transforms`.
        InputError: A transform failed, needs a place in space where there is none, or left nothing that can be
            explained: an empty image, NaN or infinity, a changed number of axes.
    """
    from monai.data import MetaTensor

    start = np.eye(data.ndim) if affine is None else affine
    image = MetaTensor(data.clone(), affine=torch.as_tensor(start))
    for (where, transform), step in zip(build_transforms(steps), steps, strict=True):
        where = f"{name}, {where}"
        if affine is None and step["name"] in MILLIMETRE:
            raise InputError(f"{where}: the image has no voxel size and no orientation; use Resize, Zoom or Flip")
        image = _run(transform, image, where)
    place: Affine = image.affine.cpu().numpy().astype(np.float64)
    return image.as_tensor().contiguous(), place


def _run(transform: Transform, image: Any, where: str) -> Any:
    from monai.data import MetaTensor

    try:
        result = torch.as_tensor(transform(image)).to(torch.float32)
    except Exception as error:  # whatever a transform raises on this image, the user must know which and why
        raise InputError(f"{where} failed on shape {tuple(image.shape)}: {error}") from error
    if result.ndim != image.ndim:
        raise InputError(f"{where} changed the shape {tuple(image.shape)} to {tuple(result.shape)}")
    if 0 in result.shape:
        raise InputError(f"{where} left an empty image: {tuple(image.shape)} became {tuple(result.shape)}")
    if not isinstance(result, MetaTensor):
        result = MetaTensor(result, affine=image.affine)
    check_finite(result.numpy(), f"{where}: the result")
    return result
