"""Random patches of the training slab, made to look like other people's scans.

The template is one average brain without a skull. Scans have scalp and skull, other contrasts, bias fields and noise:
without these the network would know nothing but the template's own intensities.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from monai.transforms import (
    Compose,
    Lambdad,
    MapTransform,
    RandAdjustContrastd,
    RandAffined,
    RandBiasFieldd,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSharpend,
    RandGaussianSmoothd,
    Randomizable,
)
from torch import Tensor

CLOSENESS_REACH = 30.0


class AddHead(MapTransform, Randomizable):  # type: ignore[misc]
    """Wraps the brain in invented cerebrospinal fluid, skull, scalp and, sometimes, face and neck.

    Layers of uneven thickness follow each other outwards from the brain's surface, each of its own random intensity.

    Args:
        probability: Share of the samples that get a head; the others stay as bare as the template.
    """

    def __init__(self, probability: float = 0.6) -> None:
        super().__init__(keys=["image", "closeness"])
        self.probability = probability

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Paints the head over what lies outside the brain in `image`."""
        sample = dict(data)
        if self.R.random() < self.probability:
            distance = CLOSENESS_REACH - torch.as_tensor(sample["closeness"]).float()
            sample["image"] = torch.where(distance > 0.5, self._head(distance), torch.as_tensor(sample["image"]))
        return sample

    def _head(self, distance: Tensor) -> Tensor:
        fluid = self._smooth(distance, mean=self.R.uniform(0.0, 2.0), spread=0.7).clamp(min=0)
        skull = fluid + self._smooth(distance, mean=self.R.uniform(1.0, 4.0), spread=0.8).clamp(min=0.7)
        scalp = skull + self._smooth(distance, mean=self.R.uniform(1.0, 5.0), spread=1.5).clamp(min=0.5)
        air = torch.full_like(distance, self.R.uniform(0, 0.05))
        head = torch.where(distance < scalp, self._texture(distance, self.R.uniform(0.3, 1.3)), air)
        if self.R.random() < 0.5:
            head = torch.where((distance > scalp) & self._blobs(distance), self._soft_tissue(distance), head)
        head = torch.where(distance < skull, self._texture(distance, self.R.uniform(0.0, 0.2)), head)
        if self.R.random() < 0.35:
            marrow = (distance - (fluid + skull) / 2).abs() < 0.5
            head = torch.where(marrow, self._texture(distance, self.R.uniform(0.2, 1.0)), head)
        return torch.where(distance < fluid, self._texture(distance, self.R.uniform(0.05, 0.4)), head)

    def _soft_tissue(self, like: Tensor) -> Tensor:
        muscle, fat = (self._texture(like, self.R.uniform(*limits)) for limits in ((0.2, 0.7), (0.7, 1.3)))
        cavity = self._texture(like, self.R.uniform(0.0, 0.1))
        return torch.where(self._blobs(like), muscle, torch.where(self._blobs(like), fat, cavity))

    def _blobs(self, like: Tensor) -> Tensor:
        return self._smooth(like, mean=self.R.uniform(-0.5, 0.8), spread=1.0, spacing=self.R.uniform(3, 10)) > 0

    def _texture(self, like: Tensor, intensity: float) -> Tensor:
        return (intensity * (1 + self._smooth(like, mean=0.0, spread=0.25, spacing=2.5))).clamp(min=0)

    def _smooth(self, like: Tensor, *, mean: float, spread: float, spacing: float = 8.0) -> Tensor:
        """A random field of this mean and about this spread that varies over `spacing` voxels."""
        coarse = [max(2, round(length / spacing)) for length in like.shape[1:]]
        noise = torch.as_tensor(self.R.normal(mean, spread, size=(1, 1, *coarse)), dtype=torch.float32)
        return functional.interpolate(noise, size=like.shape[1:], mode="trilinear", align_corners=True)[0]


class ScaleBrain(MapTransform, Randomizable):  # type: ignore[misc]
    """Brings the brain's bright end, its 98th percentile, to a random intensity.

    The percentiles of a whole scan, which its preprocessing uses, depend on how bright and large the rest of the head
    is, so white matter does not come out at the same value everywhere.

    Args:
        lowest: Least intensity of the bright end.
        highest: Greatest.
    """

    def __init__(self, lowest: float = 0.75, highest: float = 1.05) -> None:
        super().__init__(keys=["image", "closeness"])
        self.limits = (lowest, highest)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Scales `image`; leaves a patch without any brain as it is."""
        sample = dict(data)
        image = torch.as_tensor(sample["image"])
        brain = image[torch.as_tensor(sample["closeness"]) > CLOSENESS_REACH - 0.5]
        bright = self.R.uniform(*self.limits)
        if brain.numel() > 0:
            sample["image"] = image * (bright / brain.quantile(0.98).clamp(min=0.1))
        return sample


def _clamp(image: Tensor) -> Tensor:
    return torch.as_tensor(image).clamp(0, 1)


def patches(slab: tuple[int, ...], size: tuple[int, int, int]) -> Compose:
    """Draws a patch anywhere in the slab, in another pose, head and contrast.

    Args:
        slab: Spatial shape of the training slab.
        size: Spatial shape of the patch.

    Returns:
        A transform of what `tissue_data.training_channels` gives. What a patch reaches beyond the slab is its mirror
        image: were it empty, the network would learn that tissue ends there.
    """
    travel = [max(0.0, (whole - part) / 2) for whole, part in zip(slab, size, strict=True)]
    keys = ["image", "label", "closeness"]
    pose = RandAffined(
        keys,
        spatial_size=size,
        prob=1.0,
        rotate_range=[np.pi / 9] * 3,
        shear_range=[0.08] * 6,
        scale_range=[0.22] * 3,
        translate_range=travel,
        mode=["bilinear", "nearest", "bilinear"],
        padding_mode="reflection",
    )
    # The slab shows surfaces that face backwards but none that face forwards; mirrored, it shows both.
    flips = [RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in range(3)]
    contrast = [
        RandGaussianSharpend(["image"], prob=0.3, alpha=(1.0, 3.0)),
        RandGaussianSmoothd(["image"], prob=0.3, sigma_x=(0.2, 0.8), sigma_y=(0.2, 0.8), sigma_z=(0.2, 0.8)),
        RandAdjustContrastd(["image"], prob=0.5, gamma=(0.75, 1.4)),
        RandBiasFieldd(["image"], prob=0.4, degree=3, coeff_range=(-0.1, 0.1)),
        ScaleBrain(),
        RandGaussianNoised(["image"], prob=0.5, std=0.05),
    ]
    return Compose([pose, *flips, AddHead(), *contrast, Lambdad(["image"], _clamp)])
