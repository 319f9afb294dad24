"""Grad-CAM++ (Chattopadhay et al. 2018): relu(Σ_c w_c a_c), w_c = Σ_i α_i relu(g_i), resized to the image.

Eq. 19 of the paper: α_i = g_i² / (2 g_i² + (Σ_j a_j) g_i³); the sum's index is not the gradient's. torch-cam pools
a_j g_j³ instead, and references add an epsilon to the denominator.
"""

import torch
from torch import Tensor, nn

from .record import Score, layer_at
from .resize import resize


def reference(
    score: Score,
    image: Tensor,
    *,
    layer: nn.Module | None = None,
    relu: bool = True,
    upsample: bool = True,
    denominator: str = "paper",
    epsilon: float = 0.0,
) -> Tensor:
    activation, gradient = layer_at(score, image, layer)
    total = torch.zeros_like(activation[0], dtype=torch.float64)
    for a, g in zip(activation.double(), gradient.double(), strict=True):
        weight = 0.0
        for slope in g.flatten().tolist():
            if slope > 0:
                third = float(a.sum()) * slope**3 if denominator == "paper" else float((a * g**3).sum())
                weight += slope**2 / (2 * slope**2 + third + epsilon) * slope
        total += weight * a
    cam = (total.clamp(min=0) if relu else total).float()[None]
    return resize(cam, tuple(image.shape[2:])) if upsample else cam
