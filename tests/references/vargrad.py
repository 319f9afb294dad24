"""Variance of ∂score/∂x over noisy copies of the image, divided by their number (Adebayo et al. 2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score, gradient_at


def reference(
    score: Score,
    image: Tensor,
    *,
    draws: Sequence[Tensor],
    layer: nn.Module | None = None,
    samples: int = 50,
    sigma: float = 0.15,
) -> Tensor:
    deviation = sigma * (image.max() - image.min())
    gradients = [gradient_at(score, image + deviation * draws[i]).double() for i in range(samples)]
    mean = sum(gradients, torch.zeros(())) / samples
    return (sum(((g - mean) ** 2 for g in gradients), torch.zeros(())) / samples).float()[0]
