"""Σ over channels of weight · activation, each weighed by the score's drop without it (Desai and Ramaswamy 2020)."""

import torch
from torch import Tensor, nn

from .record import Score, layer_at
from .resize import resize


def reference(
    score: Score, image: Tensor, *, layer: nn.Module | None, relu: bool = True, upsample: bool = True
) -> Tensor:
    """Drops are shares of the score's size."""
    assert layer is not None
    activation, _ = layer_at(score, image, layer)
    whole = float(score(image).detach())
    cam = torch.zeros(1, *activation.shape[1:])
    for channel in range(len(activation)):
        mask = torch.ones_like(activation)
        mask[channel] = 0
        handle = layer.register_forward_hook(lambda module, inputs, output, mask=mask: output * mask)
        without = float(score(image).detach())
        handle.remove()
        cam += (whole - without) / abs(whole) * activation[channel]
    cam = cam.relu() if relu else cam
    return resize(cam, tuple(image.shape[2:])) if upsample else cam
