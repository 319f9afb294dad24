"""Pictures of directions in a layer, step by step on the plain network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .ascent import output_of
from .cases import noise_at


def picture(
    model: nn.Module,
    layer: nn.Module,
    image: Tensor,
    direction: Tensor,
    *,
    cell_size: int,
    steps: int,
    cosine_power: float,
    learning_rate: float,
    **plain: str,
) -> Tensor | None:
    """(C, *cell), or None where there is no slope: Adam on Σ a·d cos(a, d)^power over the layer's places, from noise.

    A voxel is the image's mean and its parameter in quarters of the image's range. Gradients are divided by
    their mean size.
    """
    assert set(plain.values()) == {"none", "pixel"}, "no transforms, colours or limits"
    flat = image[0].flatten(1)
    mean, quarter = ([float(n) for n in t] for t in (flat.mean(1), (flat.max(1).values - flat.min(1).values) / 4))
    parameters = 0.01 * noise_at((2, *(cell_size,) * (image.ndim - 2)), "", 0)
    adam = torch.optim.Adam([parameters], lr=learning_rate)

    def shown() -> Tensor:
        return torch.stack([m + q * channel for m, q, channel in zip(mean, quarter, parameters, strict=True)])

    for _ in range(steps):
        point = shown()[None].requires_grad_(True)
        rows = output_of(model, layer)(point)[0].flatten(1).T
        total = torch.zeros(())
        for row in rows:
            cosine = (row @ direction) / (row.norm() * direction.norm()).clamp(min=1e-8)
            total = total + (row @ direction) * cosine.clamp(min=0.1) ** cosine_power
        (gradient,) = torch.autograd.grad(-total / len(rows), point)
        if not bool(gradient.any()):
            return None
        slopes = torch.stack([q * channel for q, channel in zip(quarter, gradient[0], strict=True)])
        parameters.grad = slopes / slopes.abs().mean()
        adam.step()
    return shown()


def dark(image: Tensor, shape: Sequence[int]) -> Tensor:
    """(C, *shape): each channel's smallest value."""
    return torch.stack([torch.full(tuple(shape), float(channel.min())) for channel in image[0]])
