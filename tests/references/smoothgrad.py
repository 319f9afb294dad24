"""Mean of ∂score/∂x over noisy copies of the image (Smilkov et al. 2017); sigma is a share of the image's range."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .guided_backprop import reference as guided_backprop
from .record import Score, gradient_at


def reference(
    score: Score,
    image: Tensor,
    *,
    draws: Sequence[Tensor],
    layer: nn.Module | None = None,
    samples: int = 50,
    sigma: float = 0.15,
    of: str = "vanilla",
    model: nn.Module | None = None,
) -> Tensor:
    deviation = sigma * (image.max() - image.min())
    total = torch.zeros_like(image)
    for i in range(samples):
        point = image + deviation * draws[i]
        if of == "guided":
            assert model is not None
            total += guided_backprop(score, point, model=model)
        else:
            total += gradient_at(score, point)
    return (total / samples)[0]
