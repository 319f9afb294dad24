"""What the twins read of a network: gradients, and one layer's output with its gradient."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Score = Callable[[Tensor], Tensor]


def gradient_at(score: Score, point: Tensor) -> Tensor:
    """The score's gradient at an input of shape (1, C, *spatial)."""
    leaf = point.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(score(leaf), leaf)
    return gradient


def layer_at(score: Score, point: Tensor, layer: nn.Module | None) -> tuple[Tensor, Tensor]:
    """A layer's output at an input, and the score's gradient with respect to it; both without the batch axis."""
    assert layer is not None
    outputs: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, arguments, output: outputs.append(output))
    try:
        value = score(point.detach().clone().requires_grad_(True))
    finally:
        handle.remove()
    (output,) = outputs
    (gradient,) = torch.autograd.grad(value, output)
    return output.detach()[0], gradient[0]
