"""Σ ∂score/∂x · Δx along a path on which the voxels of smallest gradient move first (Kapishnikov et al. 2021)."""

import math

import torch
from torch import Tensor, nn

from .record import Score, gradient_at


def reference(
    score: Score,
    image: Tensor,
    *,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    steps: int = 50,
    fraction: float = 0.25,
    reach: float = 0.02,
) -> Tensor:
    """In each step the distance to the image shrinks by the same length, within a corridor of the straight line."""
    end = image.flatten().tolist()
    start = (torch.zeros_like(image) + baseline).flatten().tolist()
    ways = [b - a for a, b in zip(start, end, strict=True)]
    whole = sum(abs(way) for way in ways)
    x, total = list(start), torch.zeros(len(end))
    for step in range(1, steps + 1):
        slope = gradient_at(score, torch.tensor(x).view_as(image)).flatten()
        cheapest_first = sorted(range(len(x)), key=lambda i: abs(float(slope[i])))
        low, high = max(0.0, step / steps - reach), min(1.0, step / steps + reach)
        before = list(x)
        gone = [(p - a) / way if way else 1.0 for p, a, way in zip(x, start, ways, strict=True)]
        gone = [max(g, low) for g in gone]
        excess = sum((1 - g) * abs(way) for g, way in zip(gone, ways, strict=True)) - (1 - step / steps) * whole
        group = 1 + math.floor(fraction * (len(x) - 1))
        queue = [i for i in cheapest_first if gone[i] < high and ways[i]]
        while excess > 0 and queue:
            moving, queue = queue[:group], queue[group:]
            gain = sum((high - gone[i]) * abs(ways[i]) for i in moving)
            part = min(1.0, excess / gain)
            for i in moving:
                gone[i] += part * (high - gone[i])
            excess -= part * gain
        x = [a + g * way if way else a for a, g, way in zip(start, gone, ways, strict=True)] if step < steps else end
        total += slope * torch.tensor([after - p for after, p in zip(x, before, strict=True)])
    return total.view_as(image)[0]
