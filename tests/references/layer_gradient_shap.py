"""Mean of ∂score/∂a at random points, times the activation's difference between noisy image and baseline."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score, layer_at


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
    total = torch.zeros(())
    for i in range(samples):
        coefficient, which = mixing[i]
        noisy, baseline = image + deviation * draws[i], baselines[which : which + 1]
        _, gradient = layer_at(score, coefficient * noisy + (1 - coefficient) * baseline, layer)
        there, _ = layer_at(score, noisy, layer)
        here, _ = layer_at(score, baseline, layer)
        total = total + gradient * (there - here)
    return total / samples
