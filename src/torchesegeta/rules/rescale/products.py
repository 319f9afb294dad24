"""Products of two activations: their own vector-Jacobian product halfway between image and baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.rules.base import Backward, Step
from torchesegeta.rules.calls import Call

BILINEAR = {"mul": 2, "matmul": 2, "bmm": 2, "mm": 2, "mv": 2, "dot": 2, "baddbmm": 3}
"""Operations of degree two, by the number of their tensors: exact at the midpoint."""


def step(call: Call) -> Step | None:
    """The step of a product or quotient of two activations, or None."""
    if call.name == "einsum":
        return _einsum(call)
    count = BILINEAR.get(call.name, 2 if call.name == "div" else 0)
    inputs = call.arguments[:count]
    if not count or len(inputs) < count or not all(_is_activation(t) for t in inputs):
        return None
    if call.name == "div":
        return None if call.options.get("rounding_mode") else Step(inputs, _quotient(call))
    return Step(inputs, _at_midpoint(call.on))


def _is_activation(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and not isinstance(value, nn.Parameter)


def _einsum(call: Call) -> Step | None:
    equation, *rest = call.arguments
    operands = [t for part in rest for t in (part if isinstance(part, list | tuple) else [part])]
    if not isinstance(equation, str) or len(operands) != 2 or not all(_is_activation(t) for t in operands):
        return None
    return Step(tuple(operands), _at_midpoint(lambda *pair: torch.einsum(equation, *pair)))


def _at_midpoint(product: Callable[..., Any]) -> Callable[..., tuple[Any, Backward]]:
    def run(*inputs: Tensor) -> tuple[Any, Backward]:
        count = len(inputs) // 2
        middles = [(a + a0) / 2 for a, a0 in zip(inputs[:count], inputs[count:], strict=True)]

        def back(g: Tensor) -> tuple[Tensor, ...]:
            with torch.enable_grad():
                leaves = [m.detach().requires_grad_(True) for m in middles]
                return torch.autograd.grad(product(*leaves), leaves, g)

        return product(*inputs[:count]), back

    return run


def _quotient(call: Call) -> Callable[..., tuple[Any, Backward]]:
    """A / b as a · r with r = 1 / b, whose Δr / Δb is −r · r₀."""

    def run(*inputs: Tensor) -> tuple[Any, Backward]:
        a, b, a0, b0 = inputs
        share, slope = (1 / b + 1 / b0) / 2, -(a + a0) / (2 * b * b0)
        return call.on(a, b), lambda g: [(g * share).sum_to_size(a.shape), (g * slope).sum_to_size(b.shape)]

    return run
