"""∫ ∂score/∂a along the straight line from x′ to x (Leino et al. 2018)."""

import torch
from torch import Tensor, nn

from .quadrature import nodes_and_weights
from .record import Score, layer_at


def reference(
    score: Score,
    image: Tensor,
    *,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    steps: int = 50,
    quadrature: str = "gauss_legendre",
) -> Tensor:
    start = torch.zeros_like(image) + baseline
    influence = torch.zeros(())
    for position, weight in nodes_and_weights(quadrature, steps):
        _, gradient = layer_at(score, start + position * (image - start), layer)
        influence = influence + weight * gradient
    return influence
