"""Mean of ∂score/∂x between random baselines and the image, times their difference (Erion et al. 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score, gradient_at


def reference(
    score: Score,
    image: Tensor,
    *,
    mixing: Sequence[tuple[float, int]],
    baselines: Tensor,
    layer: nn.Module | None = None,
    samples: int = 200,
) -> Tensor:
    """`baselines` is (N, C, *spatial); `mixing` gives each sample its coefficient and its baseline."""
    total = torch.zeros_like(image)
    for coefficient, which in mixing[:samples]:
        difference = image - baselines[which]
        total += gradient_at(score, baselines[which] + coefficient * difference) * difference
    return (total / samples)[0]
