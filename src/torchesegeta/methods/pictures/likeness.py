"""How much a picture that was made from an image still looks like it."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.optimisation.parameterisations import value_range

WINDOW = 7
"""Voxels along each axis over which structure is compared."""


def likeness(picture: Tensor, image: Tensor) -> dict[str, float]:
    """The structural similarity (Wang et al. 2004) of a picture with an image, both (C, *spatial), as a measure.

    Values are taken as shares of each channel's range in the image. 1: the same; about 0: nothing in common. No measure
    for images with an axis of fewer than three voxels.
    """
    from skimage.metrics import structural_similarity

    window = min(WINDOW, *image.shape[1:])
    if window < 3:
        return {}
    lowest, width = value_range(image.detach().double().cpu())
    one, other = ((part.detach().double().cpu() - lowest) / width for part in (picture, image))
    size = window - 1 + window % 2
    found = structural_similarity(one.numpy(), other.numpy(), win_size=size, data_range=1.0, channel_axis=0)
    return {"ssim": float(found)}
