"""The MNI152 average brain with its tissue maps, as nilearn ships it, cut into a training and a test slab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from torchesegeta.inputs.preprocess import apply_steps

CLASS_NAMES = ("background", "white matter", "grey matter")

PREPROCESS: list[dict[str, Any]] = [
    {"name": "Orientation", "axcodes": "RAS", "labels": [["L", "R"], ["P", "A"], ["I", "S"]]},
    {"name": "Spacing", "pixdim": [2.0, 2.0, 2.0], "mode": "bilinear", "padding_mode": "zeros"},
    {"name": "ScaleIntensityRangePercentiles", "lower": 1, "upper": 99, "b_min": 0.0, "b_max": 1.0, "clip": True},
]
"""MONAI transforms by name, with their arguments: what the network expects to have been done to an image."""

# Along y (posterior to anterior), in voxels of 2 mm; the brain lies between 14 and 104. The template is
# mirror-symmetric, so its two hemispheres could not serve as training and test set.
TRAINING_SLAB = slice(0, 56)
TEST_SLAB = slice(90, 117)


def load_template() -> tuple[Tensor, Tensor]:
    """The T1 average and its tissue classes at 2 mm.

    Returns:
        (1, 99, 117, 95) in [0, 1], and (99, 117, 95) with the most probable of `CLASS_NAMES`.
    """
    from nilearn import datasets

    def load(loader: Callable[..., Any], steps: list[dict[str, Any]]) -> Tensor:
        volume = loader(resolution=1)
        values = torch.as_tensor(volume.get_fdata(), dtype=torch.float32)[None]
        return apply_steps(values, volume.affine, steps, name="template")[0]

    image = load(datasets.load_mni152_template, PREPROCESS)
    white = load(datasets.load_mni152_wm_template, PREPROCESS[:2])
    grey = load(datasets.load_mni152_gm_template, PREPROCESS[:2])
    return image, torch.cat([1 - white - grey, white, grey]).argmax(dim=0)


def closeness_to_brain(image: Tensor, reach: float = 30.0) -> Tensor:
    """How near a voxel is to the brain: `reach` inside, falling by one per voxel outside, never below 0.

    Args:
        image: (1, X, Y, Z), 0 outside the brain.
        reach: Distance in voxels at which it becomes 0.
    """
    brain = ndimage.binary_fill_holes(ndimage.binary_opening(image[0].numpy() > 0.1))
    distance = ndimage.distance_transform_edt(~brain)
    return torch.as_tensor(np.clip(reach - distance, 0, None), dtype=torch.float32)[None]


def training_channels(image: Tensor, labels: Tensor, slab: slice = TRAINING_SLAB) -> dict[str, Tensor]:
    """The training slab and nothing beyond it: not even the distance to the brain knows what follows.

    Args:
        image: (1, X, Y, Z).
        labels: (X, Y, Z).
        slab: Range of voxels along y.

    Returns:
        `image`, `label` and `closeness` to the brain, all (1, X, slab, Z).
    """
    cut = image[:, :, slab].clone()
    return {"image": cut, "label": labels[None, :, slab].float(), "closeness": closeness_to_brain(cut)}


def dice(predicted: Tensor, labels: Tensor, index: int) -> float:
    """2 |A ∩ B| / (|A| + |B|) of one class."""
    a, b = predicted == index, labels == index
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
