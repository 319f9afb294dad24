"""Pictures of directions in a layer, step by step on the plain network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .cases import noise_at


def output_of(model: nn.Module, layer: nn.Module, point: Tensor) -> Tensor:
    """What a layer puts out for an input, with its graph."""
    outputs: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, arguments, output: outputs.append(output))
    try:
        model(point)
    finally:
        handle.remove()
    return outputs[0]


def picture(
    model: nn.Module, layer: nn.Module, direction: Tensor, shape: Sequence[int], steps: int, power: float, rate: float
) -> Tensor | None:
    """(C, *shape), or None where there is no slope: Adam on Σ a·d cos(a, d)^power over the layer's places, from noise.

    The gradients are divided by their mean size.
    """
    start = 0.01 * noise_at((2, *shape), "", 0)[None]
    point = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([point], lr=rate)
    for _ in range(steps):
        rows = output_of(model, layer, point)[0].flatten(1).T
        total = torch.zeros(())
        for row in rows:
            cosine = (row @ direction) / (row.norm() * direction.norm()).clamp(min=1e-8)
            total = total + (row @ direction) * cosine.clamp(min=0.1) ** power
        (gradient,) = torch.autograd.grad(-total / len(rows), point)
        if not bool(gradient.any()):
            return None
        point.grad = gradient / gradient.abs().mean()
        adam.step()
    return point.detach()[0]


def dark(image: Tensor, shape: Sequence[int]) -> Tensor:
    """(C, *shape): each channel's smallest value."""
    return torch.stack([torch.full(tuple(shape), float(channel.min())) for channel in image[0]])
