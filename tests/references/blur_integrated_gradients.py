"""Σ ∂score/∂x · Δx over images that come into focus, from a blurred one to the image (Xu et al. 2020)."""

import math

import torch
from torch import Tensor, nn

from .record import Score, gradient_at


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Convolution with a Gaussian of four sigmas to each side, axis by axis; borders repeated."""
    if sigma <= 0:
        return image
    reach = int(4 * sigma + 0.5)
    kernel = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
    for axis in range(2, image.ndim):
        size = image.shape[axis]
        slabs = []
        for i in range(size):
            places = [min(max(i + offset, 0), size - 1) for offset in range(-reach, reach + 1)]
            slab = sum(w * image.select(axis, p) for w, p in zip(kernel, places, strict=True))
            slabs.append(slab / sum(kernel))
        image = torch.stack(slabs, dim=axis)  # type: ignore[arg-type]
    return image


def reference(
    score: Score, image: Tensor, *, layer: nn.Module | None = None, sigma: float = 10.0, steps: int = 50
) -> Tensor:
    """The gradient is taken in the middle of each step of scale."""
    total = torch.zeros_like(image)
    for step in range(steps):
        before, middle, after = (blurred(image, sigma * (1 - (step + part) / steps)) for part in (0, 0.5, 1))
        total += gradient_at(score, middle) * (after - before)
    return total[0]
