"""DeepLIFT's reveal-cancel rule (Shrikumar et al. 2017, arXiv:1704.02685, section 3.5.3).

What pushes a neuron up and what pulls it down since the baseline x₀ go separate ways: Δx = Δx⁺ + Δx⁻. A pass runs three
rows, x₀ + Δx⁺, x₀ + Δx⁻ and the image itself, so every tensor of the model carries both parts, and the gradients of the
first two rows are the multipliers of each. The third only tells what Δx is, to the last bit: its sign decides.

- Matrices (convolution, linear): Δy⁺ is the sum of the w·Δx above zero, Δy⁻ of those below, each with half of Δx = 0.
- Other linear operations hand the parts on; where a factor is negative they change places.
- A nonlinear f: Δy⁺ is the mean of what Δx⁺ does before Δx⁻ and after it, Δy⁻ likewise; the multipliers are the
  rescale rule's between the same two pairs of states. That is Shapley's value of the two parts, so nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.graph import Node

from torchesegeta.errors import IncompatibleError
from torchesegeta.rules.activations import node_name
from torchesegeta.rules.base import Backward, Rule, Step
from torchesegeta.rules.calls import Call
from torchesegeta.rules.rescale import elementwise, linear, max_pool, norms

MATRICES = frozenset({"linear", *(f"{name}{dims}d" for name in ("conv", "conv_transpose") for dims in (1, 2, 3))})
BOUNDED = frozenset({"sqrt", "rsqrt", "reciprocal", "log", "log1p"})
"""Functions that are not defined everywhere."""
SIGNED = re.compile(r"Sub|Rsub|Neg|\w*BatchNorm|\w*Bicubic\w*|GridSampler\w*")
"""Linear operations with weights below zero, which must not hand the parts on as they are."""


@dataclass(frozen=True)
class RevealCancel(Rule):
    """Positive and negative parts of each difference, apart."""

    name: ClassVar[str] = "DeepLIFT (reveal-cancel)"
    needs_baseline: ClassVar[bool] = True
    may_match_nothing: ClassVar[bool] = True
    in_parts: ClassVar[bool] = True

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        for make in (_matrix, _scale, _difference, _nonlinear):
            found = make(call)
            if found is not None:
                return found
        return None

    def forbids(self, node: Node, inputs: int) -> bool:
        """Whatever does not hand both parts on."""
        name = node_name(node)
        return linear.LINEAR.fullmatch(name) is None or SIGNED.fullmatch(name) is not None


def _matrix(call: Call) -> Step | None:
    """Convolutions and linear layers, with each contribution on the side of its sign."""
    x, weight = call.operand, call.argument(1, "weight")
    if call.name not in MATRICES or x is None:
        return None

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        z, w, z0, w0 = inputs
        _require_same(w, w0, "weights that depend on the image")
        up, down, x, x0 = w.clamp(min=0), w.clamp(max=0), z.chunk(3)[2], z0.chunk(3)[0]
        change = x - x0
        with torch.enable_grad():
            rise, fall = (part.requires_grad_(True) for part in (change.clamp(min=0), change.clamp(max=0)))
            risen = [_without_bias(call, rise, up), _without_bias(call, rise, down)]
            fallen = [_without_bias(call, fall, down), _without_bias(call, fall, up)]
        share, (y0, y) = (change.sign() + 1) / 2, call.on(torch.cat([x0, x])).chunk(2)

        def back(g: Tensor) -> list[Tensor | None]:
            parts = list(g.chunk(3)[:2])
            (of_rise,) = torch.autograd.grad(risen, rise, parts, retain_graph=True)
            (of_fall,) = torch.autograd.grad(fallen, fall, parts, retain_graph=True)
            multiplier = torch.lerp(of_fall, of_rise, share)
            return [torch.cat([multiplier, multiplier, torch.zeros_like(multiplier)]), None]

        return torch.cat([*(y0 + a.detach() + b.detach() for a, b in zip(risen, fallen, strict=True)), y]), back

    return Step((x, weight), run)


def _without_bias(call: Call, x: Tensor, weight: Tensor) -> Tensor:
    options = {name: value for name, value in call.options.items() if name not in ("weight", "bias")}
    result: Tensor = call.function(x, weight, None, *call.arguments[3:], **options)
    return result


def _scale(call: Call) -> Step | None:
    """Factors, and batch norms with running statistics: where they are negative the parts change places."""
    x = call.operand
    if call.name == "batch_norm" and x is not None:
        norms.step(call)  # refuses one that takes its statistics from the batch
        weight = call.argument(1, "weight")
        sign = torch.ones(()) if weight is None else weight.detach().view(1, -1, *[1] * (x.ndim - 2))
        return Step((x,), lambda *inputs: _exchanging(call.on, inputs[:1], sign < 0))
    if call.name == "neg" and x is not None:
        return Step((x,), lambda *inputs: _exchanging(call.on, inputs[:1], torch.ones(()) > 0))
    if call.name not in ("mul", "div") or call.options.get("rounding_mode"):
        return None
    pair = _pair(call)
    return None if pair is None else Step(pair, _times(call))


def _times(call: Call) -> Callable[..., tuple[Tensor, Backward]]:
    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        a, b, a0, b0 = inputs
        if call.name == "mul" and torch.equal(a, a0):
            a, b, a0, b0 = b, a, b0, a0
        _require_same(b, b0, f"{call.name} of two activations")
        y, back = _exchanging(lambda x: call.on(x, b), (a,), b < 0)
        swapped = a is not inputs[0]
        return y, lambda g: [None, *back(g)] if swapped else [*back(g), None]

    return run


def _difference(call: Call) -> Step | None:
    """Subtraction: what pulls the subtrahend down pushes the difference up."""
    if call.name in ("add", "sub", "rsub") and call.options.get("alpha", 1) < 0:
        raise IncompatibleError(f"{RevealCancel.name} has no rule for {call.name} with a negative alpha")
    pair = _pair(call) if call.name in ("sub", "rsub") else None
    if pair is None:
        return None
    taken = 1 if call.name == "sub" else 0

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        ends, starts = list(inputs[:2]), inputs[2:]
        varies = not torch.equal(ends[taken], starts[taken])
        if varies:
            ends[taken] = _exchanged(ends[taken])
        y, back = _natural(call.on, tuple(ends))

        def through(g: Tensor) -> list[Tensor | None]:
            slopes = back(g)
            return [_exchanged(t) if varies and i == taken and t is not None else t for i, t in enumerate(slopes)]

        return y, through

    return Step(pair, run)


def _pair(call: Call) -> tuple[Tensor, Tensor] | None:
    """Both operands as tensors; None where the first is no floating point one."""
    if call.operand is None or len(call.arguments) < 2:
        return None
    second = torch.as_tensor(call.arguments[1], dtype=call.operand.dtype, device=call.operand.device)
    return call.operand, second


def _nonlinear(call: Call) -> Step | None:
    """Functions of one number and max-pools: each part's effect, before the other part and after it."""
    inner = elementwise.step(call) or max_pool.step(call)
    if inner is None or _is_bounded(call):
        return None
    (source,), rescale = inner.inputs, inner.run

    def run(*inputs: Tensor) -> tuple[Any, Backward]:
        if torch.equal(*inputs):
            return rescale(*inputs)  # of what does not depend on the image, whatever its rows are
        (u, v, x), x0 = inputs[0].chunk(3), inputs[1].chunk(3)[0]
        output, back = rescale(torch.cat([u, x, v, x]), torch.cat([x0, v, x0, u]))
        at_u, at_x, at_v, _ = _first(output).chunk(4)
        start = _first(call.on(x0))
        risen, fallen = (at_u - start) + (at_x - at_v), (at_v - start) + (at_x - at_u)
        result = torch.cat([start + risen / 2, start + fallen / 2, at_x])

        def apart(g: Tensor) -> list[Tensor]:
            up, down, _ = (g / 2).chunk(3)
            (shares,) = back(torch.cat([up, up, down, down]))
            assert shares is not None
            before, after, before_down, after_down = shares.chunk(4)
            return [torch.cat([before + after, before_down + after_down, torch.zeros_like(before)])]

        return (result, _winners(output[1])) if isinstance(output, tuple) else result, apart

    return Step((source,), run)


def _is_bounded(call: Call) -> bool:
    """Whether a function is not defined everywhere: states between the two inputs may lie where it is not."""
    exponent = call.argument(1, "exponent")
    return call.name in BOUNDED or (call.name == "pow" and not (exponent >= 0 and float(exponent).is_integer()))


def _winners(indices: Tensor) -> Tensor:
    """Of the three rows."""
    at_u, at_x, at_v, _ = indices.chunk(4)
    return torch.cat([at_u, at_v, at_x])


def _first(output: Any) -> Tensor:
    tensor: Tensor = output[0] if isinstance(output, tuple) else output
    return tensor


def _exchanging(function: Callable[..., Tensor], inputs: tuple[Tensor, ...], where: Tensor) -> tuple[Tensor, Backward]:
    """An elementwise function whose parts change places where it falls."""
    y, back = _natural(function, inputs)
    places = where.to(y.device).broadcast_to(y.shape)
    return torch.where(places, _exchanged(y), y), lambda g: back(torch.where(places, _exchanged(g), g))


def _natural(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> tuple[Tensor, Backward]:
    """A function with its own gradient."""
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_(True) for t in inputs]
        y = function(*leaves)
    return y.detach(), lambda g: torch.autograd.grad(y, leaves, g, retain_graph=True)


def _exchanged(rows: Tensor) -> Tensor:
    """Both parts, the other way round."""
    rising, falling, image = rows.chunk(3)
    return torch.cat([falling, rising, image])


def _require_same(value: Tensor, at_baseline: Tensor, what: str) -> None:
    if not torch.equal(value, at_baseline):
        raise IncompatibleError(f"{RevealCancel.name} has no rule for {what}")
