from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from torchesegeta.errors import ConfigError, InputError
from torchesegeta.inputs import build_transforms
from torchesegeta.inputs.preprocess import GEOMETRY, INTENSITY, apply_steps
from torchesegeta.types import Affine

MOVES: list[dict[str, Any]] = [
    {"name": "Affine", "rotate_params": [0.2, 0.1, 0.3], "scale_params": [1.1, 1, 0.9], "translate_params": [1, 2, 0]},
    {"name": "Flip", "spatial_axis": 0},
    {"name": "Flip", "spatial_axis": [0, 1]},
    {"name": "Orientation", "axcodes": "PLI"},
    {"name": "Orientation", "axcodes": "RAS"},
    {"name": "Resize", "spatial_size": [30, 33, 28], "mode": "trilinear"},
    {"name": "Resize", "spatial_size": [10, 12, 9], "mode": "trilinear", "align_corners": True},
    {"name": "Resize", "spatial_size": 12, "size_mode": "longest", "mode": "trilinear"},
    {"name": "Rotate", "angle": [0.2, 0.1, 0.3], "keep_size": False},
    {"name": "Rotate90", "k": 3, "spatial_axes": [0, 1]},
    {"name": "Spacing", "pixdim": [1.5, 1.4, 2]},
    {"name": "Spacing", "pixdim": [0.6, 0.6, 0.6], "diagonal": True},
    {"name": "Spacing", "pixdim": [1.3, 0.9, 0.8], "scale_extent": True},
    {"name": "Spacing", "pixdim": [1.3, 0.9, 0.8], "align_corners": True},
    {"name": "Zoom", "zoom": 1.3, "mode": "trilinear"},
    {"name": "Zoom", "zoom": 0.7, "mode": "trilinear", "keep_size": False},
    {"name": "BorderPad", "spatial_border": 3},
    {"name": "DivisiblePad", "k": 16},
    {"name": "Pad", "to_pad": [[0, 0], [1, 2], [2, 3], [3, 4]]},
    {"name": "SpatialPad", "spatial_size": [24, 25, 26], "method": "end", "value": 5},
    {"name": "CenterScaleCrop", "roi_scale": 0.6},
    {"name": "CenterSpatialCrop", "roi_size": [8, 9, 7]},
    {"name": "CropForeground", "margin": 2},
    {"name": "CropForeground", "k_divisible": 8},
    {"name": "ResizeWithPadOrCrop", "spatial_size": [12, 24, 20]},
    {"name": "SpatialCrop", "roi_start": [2, 3, 4], "roi_end": [9, 12, 14]},
]

CHANGES: list[dict[str, Any]] = [
    {"name": "AdjustContrast", "gamma": 0.7},
    {"name": "ClipIntensityPercentiles", "lower": 1, "upper": 99},
    {"name": "HistogramNormalize"},
    {"name": "NormalizeIntensity", "nonzero": True},
    {"name": "ScaleIntensity"},
    {"name": "ScaleIntensityFixedMean", "factor": 0.5},
    {"name": "ScaleIntensityRange", "a_min": 0, "a_max": 20, "b_min": 0, "b_max": 1, "clip": True},
    {"name": "ScaleIntensityRangePercentiles", "lower": 1, "upper": 99, "b_min": 0, "b_max": 1},
    {"name": "ShiftIntensity", "offset": 2},
    {"name": "StdShiftIntensity", "factor": 2},
    {"name": "ThresholdIntensity", "threshold": 3},
    {"name": "GaussianSharpen"},
    {"name": "GaussianSmooth", "sigma": 1.5},
    {"name": "MedianSmooth", "radius": 1},
    {"name": "SavitzkyGolaySmooth", "window_length": 5, "order": 2},
    {"name": "ImageFilter", "filter": "mean", "filter_size": 3},
    {"name": "GibbsNoise", "alpha": 0.3},
    {"name": "RepeatChannel", "repeats": 3},
    {"name": "RemoveRepeatedChannel", "repeats": 2},
]

SHAPE = (16, 18, 20)


def in_plane(step: dict[str, Any]) -> dict[str, Any]:
    """The same step for a 2D image."""
    short: dict[str, Any] = {}
    for key, value in step.items():
        match value:
            case "trilinear":
                short[key] = "bilinear"
            case [*_] if key == "to_pad":
                short[key] = value[:3]
            case [*_] if key in ("angle", "rotate_params"):
                short[key] = value[0]
            case [*_] if key != "spatial_axis" and key != "spatial_axes":
                short[key] = value[:2]
            case str() if key == "axcodes":
                short[key] = value[:2]
            case _:
                short[key] = value
    return short


def ramps(shape: tuple[int, ...]) -> torch.Tensor:
    """Each voxel holds its own indices plus 1, one per channel; a border is 0 as around a head."""
    values = torch.stack(torch.meshgrid(*[torch.arange(1.0, n + 1) for n in shape], indexing="ij"))
    inner = torch.zeros(shape)
    inner[(slice(2, -2),) * len(shape)] = 1
    return values * inner


def test_every_transform_is_tried() -> None:
    assert {step["name"] for step in MOVES} == GEOMETRY
    assert {step["name"] for step in CHANGES} == INTENSITY


@pytest.mark.parametrize("step", MOVES, ids=lambda step: str(list(step.values())))
@pytest.mark.parametrize("dims", [2, 3])
def test_affine_follows_the_voxels(step: dict[str, Any], dims: int, oblique: Affine) -> None:
    """The values a voxel holds are the indices it came from; the affine must say the same."""
    step = step if dims == 3 else in_plane(step)
    start = oblique if dims == 3 else np.array([[-0.7, 0.1, 3], [0.1, 0.5, 4], [0, 0, 1]])
    data, end = apply_steps(ramps(SHAPE[:dims]), start, [step], name="ramps")
    to_file = np.linalg.inv(start) @ end
    here = np.stack(np.meshgrid(*map(np.arange, data.shape[1:]), indexing="ij")).reshape(dims, -1)
    there = to_file[:dims, :dims] @ here + to_file[:dims, dims:]
    inside = ((there >= 3) & (there <= np.array(SHAPE[:dims])[:, None] - 4)).all(axis=0)
    assert inside.sum() >= 10
    held = data.numpy().reshape(dims, -1) - 1
    np.testing.assert_allclose(held[:, inside], there[:, inside], atol=1e-4)


@pytest.mark.parametrize("step", CHANGES, ids=lambda step: str(step["name"]))
@pytest.mark.parametrize("dims", [2, 3])
def test_intensity_leaves_the_grid(step: dict[str, Any], dims: int) -> None:
    start = np.diag([2.0] * dims + [1.0])
    image = torch.rand(1, *SHAPE[:dims], generator=torch.Generator().manual_seed(0)).repeat(2, *(1,) * dims)
    before = image.clone()
    data, end = apply_steps(image, start, [step], name="noise")
    again, _ = apply_steps(image, start, [step], name="noise")
    assert data.shape[1:] == image.shape[1:]
    assert data.dtype == torch.float32
    assert type(data) is torch.Tensor
    np.testing.assert_array_equal(end, start)
    torch.testing.assert_close(data, again)
    torch.testing.assert_close(image, before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            {"name": "ScaleIntensty"},
            r"preprocess\[0\]: transform 'ScaleIntensty' does not exist; nearest: 'ScaleIntensity'",
        ),
        ({"name": "ScaleIntensityd"}, "nearest: 'ScaleIntensity'"),
        ({"name": "RandFlip", "prob": 1}, "'RandFlip' is random"),
        ({"name": "RandFlipd"}, "'RandFlipd' is random"),
        ({"name": "LoadImage"}, "MONAI's 'LoadImage' cannot be used here"),
        ({"name": "Compose"}, "MONAI's 'Compose' cannot be used here"),
        ({"nam": "Flip"}, "the 'name' of a MONAI transform; got None"),
        ({"name": "Spacing", "pixdm": 2}, "Spacing: argument 'pixdm' does not exist; nearest: 'pixdim'"),
        ({"name": "Spacing"}, "Spacing: missing a required argument: 'pixdim'"),
        ({"name": "Spacing", "pixdim": "abc"}, "Spacing: the arguments {'pixdim': 'abc'} do not fit"),
        ({"name": "Flip", "lazy": True}, "Flip: argument 'lazy' does not exist"),
        ({"name": "Spacing", "pixdim": 2, "recompute_affine": True}, "argument 'recompute_affine' does not exist"),
        (
            {"name": "SpatialPad", "spatial_size": 9, "valu": 1},
            "SpatialPad: argument 'valu' does not exist; nearest: 'value'",
        ),
    ],
)
def test_config_mistakes(step: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_transforms([step])


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"name": "Resize", "spatial_size": [4, 5]}, r"x.nii, preprocess\[0\] Resize failed on shape \(1, 8, 9, 10\)"),
        ({"name": "SpatialCrop", "roi_start": [20, 0, 0], "roi_end": [30, 5, 5]}, "SpatialCrop left an empty image"),
        (
            {"name": "ScaleIntensityRange", "a_min": 0, "a_max": 1e-38, "b_min": 0, "b_max": 1e30},
            "the result has 720 NaN/Inf",
        ),
    ],
)
def test_failures_name_the_transform(step: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        apply_steps(torch.ones(1, 8, 9, 10), np.eye(4), [step], name="x.nii")


@pytest.mark.parametrize("step", [{"name": "Spacing", "pixdim": 2}, {"name": "Orientation", "axcodes": "RA"}])
def test_millimetres_need_a_place_in_space(step: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no voxel size and no orientation; use Resize, Zoom or Flip"):
        apply_steps(torch.ones(1, 8, 9), None, [step], name="x.png")
