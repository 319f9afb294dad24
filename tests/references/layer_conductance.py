"""∫ ∂score/∂a · da/dα along the straight line from x′ to x (Dhamdhere et al. 2018)."""

from collections.abc import Sequence

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
    """Gradients at the nodes, times the activation's change over the stretch that each node's weight covers."""
    rule = nodes_and_weights(quadrature, steps)
    edges = [0.0]
    for _, weight in rule:
        edges.append(edges[-1] + weight)
    return stieltjes(score, image, layer, baseline, [position for position, _ in rule], edges)


def fine(
    score: Score, image: Tensor, *, layer: nn.Module | None = None, baseline: Tensor | float = 0.0, steps: int = 200
) -> Tensor:
    """The integral itself, near enough: many equal intervals with the gradient in the middle of each."""
    middles = [(i + 0.5) / steps for i in range(steps)]
    return stieltjes(score, image, layer, baseline, middles, [i / steps for i in range(steps + 1)])


def stieltjes(
    score: Score,
    image: Tensor,
    layer: nn.Module | None,
    baseline: Tensor | float,
    positions: Sequence[float],
    edges: Sequence[float],
) -> Tensor:
    """Σ_i ∂score/∂a(position i) · (a(edge i+1) − a(edge i))."""
    start = torch.zeros_like(image) + baseline

    def at(position: float) -> tuple[Tensor, Tensor]:
        return layer_at(score, start + position * (image - start), layer)

    total = torch.zeros(())
    for position, lower, upper in zip(positions, edges[:-1], edges[1:], strict=True):
        total = total + at(position)[1] * (at(upper)[0] - at(lower)[0])
    return total
