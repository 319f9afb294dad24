"""An image made more exciting in octaves, by normalised steps on shifted copies (Mordvintsev et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, adaptive_avg_pool3d, interpolate

from .ascent import output_of, range_of
from .record import Score

Objective = Callable[[Tensor], Tensor]


def reduced(image: Tensor, size: Sequence[int]) -> Tensor:
    """Means over areas."""
    if image.ndim == 4:
        return adaptive_avg_pool2d(image, (size[0], size[1]))
    return adaptive_avg_pool3d(image, (size[0], size[1], size[2]))


def enlarged(image: Tensor, size: Sequence[int]) -> Tensor:
    """Linear interpolation."""
    mode = {4: "bilinear", 5: "trilinear"}[image.ndim]
    return interpolate(image, list(size), mode=mode, align_corners=False)


def octave_size(length: int, by: float) -> int:
    """A length divided by a number, to the nearest multiple of the power of two that divides it, up to 32."""
    unit = max(power for power in (1, 2, 4, 8, 16, 32) if length % power == 0)
    return max(unit, round(length / by / unit) * unit)


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    shifts: Sequence[int],
    layer: nn.Module | None = None,
    filter: int | None = None,
    of: str = "layer",
    octaves: int = 3,
    scale: float = 1.4,
    steps: int = 10,
    learning_rate: float = 0.01,
    jitter: int = 16,
    keep_in_range: bool = True,
) -> Tensor:
    """`shifts` is how far each step rolls the picture along each axis."""
    spatial = image.shape[2:]
    lowest, width = range_of(image)
    axes = tuple(range(2, image.ndim))

    def excitement(point: Tensor) -> Tensor:
        if of == "target":
            return score(enlarged(point, spatial))
        rolled = torch.roll(point, tuple(shifts), axes) if jitter else point
        output = output_of(model, layer)(rolled)
        return output.square().mean() if filter is None else output[:, filter].mean()

    sizes = [tuple(octave_size(n, scale**k) for n in spatial) for k in range(octaves - 1, -1, -1)]
    detail = torch.zeros_like(image)
    for number, size in enumerate(sizes):
        if number and size == sizes[number - 1]:
            continue
        base = image if size == tuple(spatial) else reduced(image, size)
        if number:
            detail = enlarged(detail, size)
        shares = (base + (detail if number else 0) - lowest) / width
        shares = shares.clamp(0, 1) if keep_in_range else shares
        for _ in range(steps):
            leaf = shares.detach().clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(excitement(lowest + width * leaf), leaf)
            shares = shares + learning_rate * slope / slope.abs().mean()
            shares = shares.clamp(0, 1) if keep_in_range else shares
        detail = lowest + width * shares - base
    return (image + detail)[0]
