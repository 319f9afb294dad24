"""Softmax, its logarithm, and log Σ exp: y = exp z, z = x − lse, lse = log Σ e, e = exp x."""

from __future__ import annotations

import torch
from torch import Tensor

from torchesegeta.rules.base import Backward, Step
from torchesegeta.rules.calls import Call

SOFTMAX = frozenset({"softmax", "log_softmax", "logsumexp"})


def step(call: Call) -> Step | None:
    """The step of one of them, or None."""
    if call.name not in SOFTMAX or call.operand is None:
        return None
    axis = call.argument(1, "dim")
    axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    if not isinstance(axis, int):
        return None

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        x, x0 = inputs
        shift = torch.maximum(x.amax(axis, keepdim=True), x0.amax(axis, keepdim=True))
        x, x0 = x - shift, x0 - shift
        share = _share(x, x0, axis)
        if call.name == "logsumexp":
            kept = call.argument(2, "keepdim", False)
            return call.on(inputs[0]), lambda g: [(g if kept else g.unsqueeze(axis)) * share]
        of_exponential = _exponential(x.log_softmax(axis), x0.log_softmax(axis)) if call.name == "softmax" else None

        def back(g: Tensor) -> list[Tensor]:
            shares = g if of_exponential is None else g * of_exponential
            return [shares - shares.sum(axis, keepdim=True) * share]

        return call.on(inputs[0]), back

    return Step((call.operand,), run)


def _share(x: Tensor, x0: Tensor, axis: int) -> Tensor:
    """Δlse / Δx, by way of Δe / Δx and Δlse / Δ(Σ e)."""
    total, total0 = x.exp().sum(axis, keepdim=True), x0.exp().sum(axis, keepdim=True)
    change, middle = total - total0, (total + total0) / 2
    small = change.abs() <= _tiny(x) * middle
    of_total = torch.where(small, 1 / middle, (total.log() - total0.log()) / torch.where(small, middle, change))
    return _exponential(x, x0) * of_total


def _exponential(x: Tensor, x0: Tensor) -> Tensor:
    """Δexp / Δx; 0 where both are masked by −∞."""
    change = torch.nan_to_num(x - x0)
    small = change.abs() <= _tiny(x)
    return torch.where(small, ((x + x0) / 2).exp(), (x.exp() - x0.exp()) / torch.where(small, 1, change))


def _tiny(x: Tensor) -> float:
    return float(torch.finfo(x.dtype).eps ** 0.5)
