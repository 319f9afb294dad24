"""Norms as y = factor · x + shift, with the statistics that they have in this pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from torchesegeta.rules.calls import Call

FIXED = {"batch_norm": 7, "_native_batch_norm_legit_no_training": 6}
"""Norms with statistics of their own, and the position of their epsilon."""
STATISTICS = ("weight", "bias", "running_mean", "running_var")
"""Their arguments after the input."""


@dataclass(frozen=True, eq=False)
class Affine:
    """A norm.

    Attributes:
        x: Its input.
        factor: Broadcasts over the input.
        shift: As the factor.
    """

    x: Tensor
    factor: Tensor
    shift: Tensor


def affine(call: Call) -> Affine | None:
    """The call as a norm; None for others, and for a batch norm that takes its statistics from the batch."""
    x = call.operand
    if x is None:
        return None
    match call.name:
        case "batch_norm" if call.argument(5, "training", False):
            return None
        case "batch_norm" | "_native_batch_norm_legit_no_training":
            return _fixed(call, x, FIXED[call.name])
        case "instance_norm" if not call.argument(5, "use_input_stats", True):
            return _fixed(call, x, 7)
        case "instance_norm":
            return _by_groups(call, x, x.shape[1], (1, 2), 7)
        case "group_norm":
            return _by_groups(call, x, call.argument(1, "num_groups"), (2, 3), 4)
        case "native_group_norm":
            return _by_groups(call, x, call.argument(6, "group"), (1, 2), 7)
        case "layer_norm" | "native_layer_norm":
            axes = tuple(range(-len(call.argument(1, "normalized_shape")), 0))
            weight, bias = call.argument(2, "weight"), call.argument(3, "bias")
            variance, mean = torch.var_mean(x.detach(), axes, correction=0, keepdim=True)
            return _affine(x, weight, bias, mean, variance, call.argument(4, "eps", 1e-5))
    return None


def _fixed(call: Call, x: Tensor, epsilon: int) -> Affine:
    weight, bias, mean, variance = (_by_channel(call.argument(i, n), x) for i, n in enumerate(STATISTICS, start=1))
    return _affine(x, weight, bias, mean, variance, call.argument(epsilon, "eps", 1e-5))


def _by_groups(call: Call, x: Tensor, groups: int, places: tuple[int, int], epsilon: int) -> Affine:
    """Each group of channels by its own statistics."""
    rows = x.detach().reshape(len(x), groups, -1)
    shape = (len(x), x.shape[1], *[1] * (x.ndim - 2))
    variance, mean = (
        t.repeat_interleave(x.shape[1] // groups, 1).view(shape) for t in torch.var_mean(rows, -1, correction=0)
    )
    weight, bias = (_by_channel(call.argument(p, n), x) for p, n in zip(places, ("weight", "bias"), strict=True))
    return _affine(x, weight, bias, mean, variance, call.argument(epsilon, "eps", 1e-5))


def _by_channel(values: Any, x: Tensor) -> Any:
    return values.detach().view(1, -1, *[1] * (x.ndim - 2)) if isinstance(values, Tensor) else None


def _affine(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, epsilon: float
) -> Affine:
    factor = torch.rsqrt(variance + epsilon)
    if weight is not None:
        factor = factor * weight.detach()
    shift = -mean * factor
    return Affine(x, factor, shift if bias is None else shift + bias.detach())
