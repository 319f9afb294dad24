"""The target's score raised by Adam, with decay, smoothing and bounds (Simonyan et al. 2013)."""

from __future__ import annotations

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from .ascent import adam, range_of
from .record import Score


def smoothed(shares: Tensor, sigma: float) -> Tensor:
    """Smoothed along each spatial axis in turn."""
    values = shares.numpy()
    for axis in range(2, shares.ndim):
        values = gaussian_filter1d(values, sigma, axis=axis, mode="nearest")
    return torch.from_numpy(values)


def reference(
    score: Score,
    image: Tensor,
    *,
    starts: Tensor,
    layer: nn.Module | None = None,
    steps: int = 150,
    learning_rate: float = 0.02,
    start: tuple[float, float] = (0.4, 0.6),
    decay: float = 1e-3,
    blur: float = 1.0,
    blur_every: int = 4,
    keep_in_range: bool = True,
) -> Tensor:
    lowest, width = range_of(image)
    mean = image.mean(tuple(range(2, image.ndim)), keepdim=True)
    centre = (mean - lowest) / width

    def regularised(shares: Tensor, step: int) -> Tensor:
        shares = shares - decay * (shares - centre)
        if blur and (step + 1) % blur_every == 0:
            shares = smoothed(shares, blur)
        return shares.clamp(0, 1) if keep_in_range else shares

    begun = start[0] + (start[1] - start[0]) * starts[None]
    return (lowest + width * adam(lambda s: score(lowest + width * s), begun, learning_rate, steps, regularised))[0]
