"""Mean of ∂score/∂x between a random baseline and a noisy image, times their difference (Lundberg and Lee 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score, gradient_at


def reference(
    score: Score,
    image: Tensor,
    *,
    draws: Sequence[Tensor],
    mixing: Sequence[tuple[float, int]],
    baselines: Tensor,
    layer: nn.Module | None = None,
    samples: int = 50,
    sigma: float = 0.1,
) -> Tensor:
    """`baselines` is (N, C, *spatial); `mixing` gives each sample its coefficient and its baseline."""
    deviation = sigma * (image.max() - image.min())
    total = torch.zeros_like(image)
    for i in range(samples):
        coefficient, which = mixing[i]
        noisy, baseline = image + deviation * draws[i], baselines[which : which + 1]
        point = coefficient * noisy + (1 - coefficient) * baseline
        total += gradient_at(score, point) * (noisy - baseline)
    return (total / samples)[0]
