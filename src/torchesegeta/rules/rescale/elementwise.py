"""Functions of one number: the multiplier is Δy / Δx, and the derivative where Δx is too small for that."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from torchesegeta.rules.activations import activation_input
from torchesegeta.rules.base import Backward, Step
from torchesegeta.rules.calls import Call

PIECEWISE = frozenset(
    {
        "relu", "relu6", "leaky_relu", "prelu", "_prelu_kernel", "rrelu", "rrelu_with_noise", "hardtanh", "threshold",
        "clamp", "clamp_min", "clamp_max", "hardshrink", "softshrink", "abs",
    }
)  # fmt: skip
"""Linear between kinks: the quotient is as exact as floating point, however small Δx is."""
FURTHER = frozenset({"abs", "exp", "expm1", "log", "log1p", "sin", "cos", "atan", "erf", "pow", "sinh", "cosh"})
"""Elementwise functions besides the activations."""
CLOSED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "square": lambda x, x0: x + x0,
    "reciprocal": lambda x, x0: -1 / (x * x0),
    "sqrt": lambda x, x0: 1 / (x.sqrt() + x0.sqrt()),
    "rsqrt": lambda x, x0: -1 / (x.sqrt() * x0.sqrt() * (x.sqrt() + x0.sqrt())),
}
"""Quotients that need no division by Δx."""


def step(call: Call) -> Step | None:
    """The step of an elementwise function, or None."""
    source = activation_input(call)
    if source is None and call.name in FURTHER | CLOSED.keys():
        source = call.operand
    exponent = call.argument(1, "exponent")
    if source is None or (call.name == "pow" and not isinstance(exponent, int | float)):
        return None

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        x, x0 = inputs
        y = call.on(x)
        multiplier = _multiplier(call, x, x0, y)
        return y, lambda g: [g * multiplier]

    return Step((source,), run)


def _multiplier(call: Call, x: Tensor, x0: Tensor, y: Tensor) -> Tensor:
    if call.name == "relu":
        return _relu(x, x0)
    if call.name == "leaky_relu":
        slope = call.argument(1, "negative_slope", 0.01)
        return _relu(x, x0).mul_(1 - slope).add_(slope)
    return CLOSED[call.name](x, x0) if call.name in CLOSED else _quotient(call, x, x0, y)


def _relu(x: Tensor, x0: Tensor) -> Tensor:
    """max(x, x₀) / |x − x₀|, kept within 0 and 1: the quotient, and the derivative where x = x₀."""
    change = torch.sub(x, x0).abs_().add_(torch.finfo(x.dtype).tiny)
    return torch.maximum(x, x0).div_(change).clamp_(0, 1)


def _quotient(call: Call, x: Tensor, x0: Tensor, y: Tensor) -> Tensor:
    change = x - x0
    if call.name in PIECEWISE:
        small, middle = change == 0, x
    else:
        scale = torch.maximum(x.abs(), x0.abs())
        if call.name not in ("log", "pow"):
            scale = scale.clamp(min=1)
        small, middle = change.abs() <= torch.finfo(x.dtype).eps ** 0.5 * scale, (x + x0) / 2
    slope = (y - call.on(x0)).div_(change.masked_fill(small, 1))
    return torch.where(small, _derivative(call, middle), slope) if bool(small.any()) else slope


def _derivative(call: Call, x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(call.on(x).sum(), x)
    return slope
