"""Distance to a representation lowered by Adam, with alpha norm and total variation (Mahendran and Vedaldi 2014)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .ascent import adam, output_of, range_of
from .record import Score


def variation(u: Tensor, beta: float) -> Tensor:
    """Mean over the values of (1, C, *spatial) of the squared steps to the next, by (·)^(β/2); none past the border."""
    squares = torch.zeros_like(u)
    for axis in range(2, u.ndim):
        length = u.shape[axis]
        step = u.narrow(axis, 1, length - 1) - u.narrow(axis, 0, length - 1)
        squares = squares + torch.cat([step**2, torch.zeros_like(u.narrow(axis, 0, 1))], axis)
    return (squares ** (beta / 2)).mean() if beta >= 2 else ((squares + 1e-12) ** (beta / 2)).mean()


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    starts: Tensor,
    layer: nn.Module | None = None,
    steps: int = 200,
    learning_rate: float = 0.02,
    alpha: float = 6.0,
    alpha_weight: float = 1e-3,
    beta: float = 2.0,
    smoothness: float = 0.1,
    start: tuple[float, float] = (0.45, 0.55),
) -> Tensor:
    """The best picture of all steps by the whole loss."""
    lowest, width = range_of(image)
    output = output_of(model, layer)
    wanted = output(image).detach()

    def quality(shares: Tensor) -> Tensor:
        u = 2 * shares - 1
        distance = (output(lowest + width * shares) - wanted).square().sum() / wanted.square().sum()
        return -distance - alpha_weight * (u.abs() ** alpha).mean() - smoothness * variation(u, beta)

    tried = [start[0] + (start[1] - start[0]) * starts[None]]

    def remember(shares: Tensor, step: int) -> Tensor:
        tried.append(shares)
        return shares

    adam(quality, tried[0], learning_rate, steps, remember)
    with torch.no_grad():
        best = max(tried, key=lambda shares: float(quality(shares)))
    return (lowest + width * best)[0]
