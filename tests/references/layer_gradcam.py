"""Σ_c w_c a_c with w_c the mean of ∂score/∂a_c over all of its voxels, at the layer (Selvaraju et al. 2017)."""

import torch
from torch import Tensor, nn

from .record import Score, layer_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None, relu: bool = False) -> Tensor:
    activation, gradient = layer_at(score, image, layer)
    total = torch.zeros_like(activation[0])
    for g, a in zip(gradient, activation, strict=True):
        weight = g.sum() / g.numel()
        total += weight * a
    return (total.clamp(min=0) if relu else total)[None]
