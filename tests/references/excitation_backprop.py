"""P_j = Σ_i x_j w⁺_ij P_i / Σ_k x_k w⁺_ik (Zhang et al. 2016, equation 10)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .record import Score
from .shares import Rule, at, walk


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module | None = None,
    negative: str = "shift",
    lost: str = "drop",
    **_: Any,
) -> Tensor:
    return at(walk(model, image, winners(negative, lost), prior(score, image, model)), model, layer)


def prior(score: Score, image: Tensor, model: nn.Module) -> Tensor:
    """The region of a score that adds up logits, each voxel with the same share."""
    (slope,) = logit_weights(score, image, model)
    return slope / slope.sum()


def logit_weights(score: Score, image: Tensor, model: nn.Module) -> tuple[Tensor]:
    """How often a score counts each logit: what it gains when the head's output grows there by 1."""
    grown: list[Tensor] = []

    def grow(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        grown.append(torch.zeros_like(output, requires_grad=True))
        return output + grown[0]

    handle = model.get_submodule("head").register_forward_hook(grow)
    try:
        total = score(image)
    finally:
        handle.remove()
    (slope,) = torch.autograd.grad(total, grown)
    return (slope,)


def winners(negative: str, lost: str) -> Rule:
    def rule(matrix: Tensor, x: Tensor, bias: Tensor, held: Tensor, name: str) -> Tensor:
        if negative == "shift":
            x = x - min(float(x.min()), 0.0)
        if negative == "clamp":
            x = torch.where(x > 0, x, 0)
        positive = torch.where(matrix > 0, matrix, 0)
        excitation = positive @ x
        shares = positive * x / torch.where(excitation == 0, 1, excitation)[:, None]
        if lost == "keep":
            even = positive / torch.where(positive.sum(1) == 0, 1, positive.sum(1))[:, None]
            shares = torch.where(excitation[:, None] == 0, even, shares)
        return held @ shares

    return rule
