"""(x − x′) · ∫ ∂score/∂x along the straight line from x′ to x (Sundararajan et al. 2017)."""

import torch
from torch import Tensor, nn

from .quadrature import nodes_and_weights
from .record import Score, gradient_at


def reference(
    score: Score,
    image: Tensor,
    *,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    steps: int = 50,
    quadrature: str = "gauss_legendre",
    multiply_by_inputs: bool = True,
) -> Tensor:
    start = torch.zeros_like(image) + baseline
    integral = torch.zeros_like(image)
    for position, weight in nodes_and_weights(quadrature, steps):
        integral += weight * gradient_at(score, start + position * (image - start))
    return ((image - start) * integral if multiply_by_inputs else integral)[0]
