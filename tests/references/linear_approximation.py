"""Σ_c ∂score/∂a_c · a_c at a layer, without a ReLU."""

import torch
from torch import Tensor, nn

from .record import Score, layer_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None) -> Tensor:
    activation, gradient = layer_at(score, image, layer)
    total = torch.zeros_like(activation[0])
    for g, a in zip(gradient, activation, strict=True):
        total += g * a
    return total[None]
