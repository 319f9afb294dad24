"""Hand-written loops that do only the passes a method needs: the least it can cost."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmarks.subject import Subject

STEPS = 8
"""Points of path and noise methods; the pass that binds the target weighs more the fewer they are (50 by default)."""


def input_gradient(subject: Subject, point: Tensor) -> Tensor:
    """One forward and one backward pass."""
    point = point.detach().requires_grad_(True)
    return torch.autograd.grad(subject.score(point).sum(), point)[0]


def saliency(subject: Subject) -> Tensor:
    """|g|."""
    return input_gradient(subject, subject.image).abs()


def layer_gradcam(subject: Subject, layer: str) -> Tensor:
    """Σ mean(g) · a at one layer; the backward pass ends there."""
    kept: list[Tensor] = []
    hook = subject.layer(layer).register_forward_hook(lambda _m, _i, output: kept.append(output))
    score = subject.score(subject.image.detach().requires_grad_(True)).sum()
    hook.remove()
    gradient = torch.autograd.grad(score, kept[0])[0]
    return (gradient.mean((2, 3, 4), keepdim=True) * kept[0]).sum(1)


def integrated_gradients(subject: Subject) -> Tensor:
    """Gauss-Legendre from a zero baseline, and the scores at both ends."""
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    total = torch.zeros_like(subject.image)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += float(weight) * input_gradient(subject, subject.image * float(node))
    with torch.no_grad():
        subject.score(subject.image), subject.score(torch.zeros_like(subject.image))
    return total * subject.image


def smoothgrad(subject: Subject) -> Tensor:
    """Mean gradient over noisy copies."""
    total = torch.zeros_like(subject.image)
    for index in range(STEPS):
        noise = torch.randn(subject.image.shape, generator=torch.Generator().manual_seed(index))
        total += input_gradient(subject, subject.image + 0.15 * noise) / STEPS
    with torch.no_grad():
        subject.score(subject.image)
    return total
