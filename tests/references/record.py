"""What the twins read of a network: gradients, and one layer's output with its gradient."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Score = Callable[[Tensor], Tensor]


def gradient_at(score: Score, point: Tensor) -> Tensor:
    """The score's gradient at an input of shape (1, C, *spatial)."""
    leaf = point.detach().clone().requires_grad_(True)
    score(leaf).backward()
    assert leaf.grad is not None
    return leaf.grad.detach()


def layer_at(score: Score, point: Tensor, layer: nn.Module | None) -> tuple[Tensor, Tensor]:
    """A layer's output at an input, and the score's gradient with respect to it; both without the batch axis."""
    assert layer is not None
    outputs: list[Tensor] = []

    def keep(module: nn.Module, arguments: object, output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    handle = layer.register_forward_hook(keep)
    try:
        score(point.detach().clone().requires_grad_(True)).backward()
    finally:
        handle.remove()
    (output,) = outputs
    gradient = output.grad if output.grad is not None else torch.zeros_like(output)
    return output.detach()[0], gradient.detach()[0]
