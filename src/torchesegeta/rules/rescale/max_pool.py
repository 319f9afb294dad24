"""Max-pooling: Δy goes to the voxel that made it, the image's winner where y rose, the baseline's where it fell.

There Δx is at least as large as Δy, so nothing is divided by zero; windows may overlap.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torchesegeta.rules.base import Backward, Step
from torchesegeta.rules.calls import Call

WITH_INDICES: dict[str, tuple[Any, int]] = {
    "max_pool1d": (torch.max_pool1d_with_indices, 1),
    "max_pool2d": (torch._C._nn.max_pool2d_with_indices, 2),
    "max_pool3d": (torch._C._nn.max_pool3d_with_indices, 3),
    "max_pool1d_with_indices": (torch.max_pool1d_with_indices, 1),
    "max_pool2d_with_indices": (torch._C._nn.max_pool2d_with_indices, 2),
    "max_pool3d_with_indices": (torch._C._nn.max_pool3d_with_indices, 3),
    "adaptive_max_pool1d": (torch.adaptive_max_pool1d, 1),
    "adaptive_max_pool2d": (torch._C._nn.adaptive_max_pool2d, 2),
    "adaptive_max_pool3d": (torch._C._nn.adaptive_max_pool3d, 3),
}
"""For each operation the one that tells the winners, and its number of spatial axes."""


def step(call: Call) -> Step | None:
    """The step of a max-pool, or None."""
    if call.name not in WITH_INDICES or call.operand is None:
        return None
    pool, dims = WITH_INDICES[call.name]

    def run(*inputs: Tensor) -> tuple[Any, Backward]:
        x, x0 = inputs
        y, winners = pool(x, *call.arguments[1:], **call.options)
        y0, winners0 = pool(x0, *call.arguments[1:], **call.options)
        change = (y - y0).flatten(-dims)
        places = torch.where(change < 0, winners0.flatten(-dims), winners.flatten(-dims))
        below = x.flatten(-dims).gather(-1, places) - x0.flatten(-dims).gather(-1, places)
        multiplier = change.div_(below.masked_fill_(change == 0, 1))
        shape = x.shape

        def back(g: Tensor) -> list[Tensor]:
            shares = g.new_zeros(shape).flatten(-dims)
            return [shares.scatter_add_(-1, places, g.flatten(-dims) * multiplier).view(shape)]

        has_indices = "with_indices" in call.name or call.name.startswith("adaptive")
        return (y, winners) if has_indices else y, back

    return Step((call.operand,), run)
