"""Mean contribution of each feature over given orders of joining (Castro et al. 2009)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    features: Tensor,
    orders: Sequence[Tensor],
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    permutations: int = 25,
) -> Tensor:
    """`features` is (*spatial), a label at every voxel; an order numbers the labels by size."""
    labels = sorted(set(features.flatten().tolist()))
    result = torch.zeros(1, *image.shape[2:])
    for order in orders[:permutations]:
        point = torch.zeros_like(image) + baseline
        before = score(point)
        for number in order.tolist():
            joined = features == labels[number]
            point[:, :, joined] = image[:, :, joined]
            now = score(point)
            result[:, joined] += (now - before) / permutations
            before = now
    return result
