"""LRP's rules written out connection by connection (Bach et al. 2015; Montavon et al. 2019, section 10.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .excitation_backprop import logit_weights
from .record import Score
from .shares import Rule, at, walk

DENSE = "head"
"""The linear layer of the classifier; the segmenter's head is a convolution."""


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module | None = None,
    rule: str | None = None,
    composite: Any = None,
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    **_: Any,
) -> Tensor:
    with torch.no_grad():
        start = model(image)
    (counted,) = logit_weights(score, image, model)
    dense = (DENSE,) if isinstance(model.get_submodule("head"), nn.Linear) else ()

    def chosen(name: str) -> str:
        if name == "mean":
            return "epsilon"
        if rule is not None:
            return rule
        if isinstance(composite, list):
            return "gamma" if name in ("first", "second") else "alpha_beta"
        if composite == "epsilon_plus_flat" and name == "first":
            return "flat"
        return "epsilon" if name in dense else "zplus"

    def share(matrix: Tensor, x: Tensor, bias: Tensor, held: Tensor, name: str) -> Tensor:
        rules: dict[str, Rule] = {
            "epsilon": _epsilon(epsilon),
            "zplus": _alpha_beta(1.0, epsilon),
            "gamma": _gamma(gamma, epsilon),
            "alpha_beta": _alpha_beta(alpha, epsilon),
            "flat": _flat,
        }
        return rules[chosen(name)](matrix, x, bias, held, name)

    return at(walk(model, image, share, counted * start), model, layer)


def _away(z: Tensor, epsilon: float) -> Tensor:
    return torch.where(z < 0, z - epsilon, z + epsilon)


def _epsilon(epsilon: float) -> Rule:
    def rule(matrix: Tensor, x: Tensor, bias: Tensor, held: Tensor, name: str) -> Tensor:
        return (held / _away(matrix @ x + bias, epsilon)) @ (matrix * x)

    return rule


def _alpha_beta(alpha: float, epsilon: float) -> Rule:
    def rule(matrix: Tensor, x: Tensor, bias: Tensor, held: Tensor, name: str) -> Tensor:
        flows = matrix * x
        up, down = torch.where(flows > 0, flows, 0), torch.where(flows < 0, flows, 0)
        gain = (held / _away(up.sum(1) + torch.where(bias > 0, bias, 0), epsilon)) @ up
        loss = (held / _away(down.sum(1) + torch.where(bias < 0, bias, 0), epsilon)) @ down
        return alpha * gain - (alpha - 1) * loss

    return rule


def _gamma(gamma: float, epsilon: float) -> Rule:
    """Flows of the output's sign count 1 + gamma times."""

    def rule(matrix: Tensor, x: Tensor, bias: Tensor, held: Tensor, name: str) -> Tensor:
        flows, sums = matrix * x, matrix @ x + bias
        result = torch.zeros_like(x)
        for sign in (1, -1):
            agreeing = flows + gamma * torch.where(sign * flows > 0, flows, 0)
            total = agreeing.sum(1) + bias + gamma * torch.where(sign * bias > 0, bias, 0)
            result += torch.where(sign * sums > 0, held / _away(total, epsilon), 0) @ agreeing
        return result

    return rule


def _flat(matrix: Tensor, x: Tensor, bias: Tensor, held: Tensor, name: str) -> Tensor:
    """Every connection carries the same; no weight of the twins' networks is zero."""
    connected = (matrix != 0).to(matrix)
    return (held / connected.sum(1)) @ connected
