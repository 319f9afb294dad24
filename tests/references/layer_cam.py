"""relu(Σ_c relu(∂score/∂a_c) · a_c), resized to the image (Jiang et al. 2021)."""

import torch
from torch import Tensor, nn

from .record import Score, layer_at
from .resize import resize


def reference(
    score: Score, image: Tensor, *, layer: nn.Module | None = None, relu: bool = True, upsample: bool = True
) -> Tensor:
    activation, gradient = layer_at(score, image, layer)
    total = torch.zeros_like(activation[0])
    for g, a in zip(gradient, activation, strict=True):
        total += torch.where(g > 0, g, 0) * a
    cam = (total.clamp(min=0) if relu else total)[None]
    return resize(cam, tuple(image.shape[2:])) if upsample else cam
