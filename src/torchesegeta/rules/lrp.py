"""Layer-wise relevance propagation (Bach et al. 2015, doi:10.1371/journal.pone.0130140)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.autograd.graph import Node

from torchesegeta.rules import operations
from torchesegeta.rules.affine import Affine, affine
from torchesegeta.rules.base import Backward, Rule, Step, Steps
from torchesegeta.rules.calls import Call
from torchesegeta.rules.operations import Weighted
from torchesegeta.rules.relevance import Epsilon, Sharing, stabilised

Place = Literal["first", "last", "convolution", "linear", "any"] | tuple[float, float]
"""Weighted sums by their place: the first or last one, a kind, or a range of depths from 0 (image) to 1 (output)."""


@dataclass(frozen=True)
class Part:
    """A rule and where it holds."""

    sharing: Sharing
    at: Place = "any"

    def holds(self, kind: str, number: int, count: int) -> bool:
        """Whether it holds for weighted sum `number` of `count`."""
        if isinstance(self.at, tuple):
            depth = number / max(1, count - 1)
            return self.at[0] <= depth <= self.at[1]
        return {"first": number == 0, "last": number == count - 1, "any": True}.get(self.at, kind == self.at)


@dataclass(frozen=True)
class Lrp(Rule):
    """The score goes back, divided at every weighted sum by the first part of a composite that holds there.

    Norms are merged with the weighted sum before them, or are sums of their input and a shift, with statistics that are
    taken as given. Scales, gates and activations hand relevance on; additions, averages and linear upsampling divide it
    by what they add up.

    Attributes:
        parts: The composite; where no part holds, the epsilon rule does.
        epsilon: Of additions, averages and norms.
    """

    name: ClassVar[str] = "LRP"
    shares_out: ClassVar[bool] = True

    parts: tuple[Part, ...] = (Part(Epsilon()),)
    epsilon: float = 1e-6

    def opened(self) -> Steps:
        """Steps that know their number and the norm that follows."""
        return _Pass(self)

    def start(self, output: Tensor, slope: Tensor, *, whole: bool = True) -> Tensor:
        """The score's share of every output."""
        return output * slope

    def step(self, call: Call) -> Step | None:
        """Steps are those of an opened rule."""
        return self.opened().step(call)

    def forbids(self, node: Node, inputs: int) -> bool:
        """Whatever does not merely move relevance."""
        return not operations.is_move(node, inputs)

    def sharing(self, kind: str, number: int, count: int) -> Sharing:
        """The rule of a weighted sum."""
        held = (part.sharing for part in self.parts if part.holds(kind, number, count))
        return next(held, Epsilon(self.epsilon))


@dataclass(eq=False)
class _Sum:
    """A weighted sum of a pass.

    Attributes:
        op: The operation.
        number: In order of execution.
        output: What it put out.
        norm: What is merged with it.
        read_elsewhere: Whether something else than the norm reads its output too; then nothing is merged.
    """

    op: Weighted
    number: int
    output: Tensor | None = None
    norm: Affine | None = None
    read_elsewhere: bool = False

    def share(self, x: Tensor, relevance: Tensor, sharing: Sharing) -> Tensor:
        """From the relevance of its output, or of its norm's, to that of its input."""
        op = replace(self.op, x=x)
        if self.norm is None or self.read_elsewhere:
            return sharing.share(op, relevance)
        factor, bias = self.norm.factor, self.norm.shift
        if op.bias is not None:
            axes = self.norm.x.ndim if op.kind == "convolution" else 2
            bias = bias + factor * op.bias.view(1, -1, *[1] * (axes - 2))

        def run(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            y = op.run(x, weight, None) * factor.abs()
            return y if bias is None else y + bias

        merged = replace(op, bias=bias, run=run)
        shares = sharing.share(merged, torch.where(factor < 0, 0, relevance))
        if bool((factor < 0).any()):
            turned = replace(merged, weight=-op.weight)
            shares = shares + sharing.share(turned, torch.where(factor < 0, relevance, 0))
        return shares


@dataclass
class _Pass:
    """The steps of one pass."""

    rule: Lrp
    count: int = 0
    latest: _Sum | None = None

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        return self._norm(call) or self._weighted(call) or self._average(call) or self._sum(call) or _handed_on(call)

    def seen(self, call: Call, result: Any) -> None:
        """See `Steps.seen`."""
        latest = self.latest
        if latest is None or not isinstance(result, Tensor):
            return
        if latest.output is None:
            latest.output = result
        elif operations.depends(result) and not (latest.norm is not None and call.operand is latest.norm.x):
            latest.read_elsewhere |= _reads(call, latest.output)

    def _weighted(self, call: Call) -> Step | None:
        op = operations.weighted(call)
        if op is None:
            return None
        mine = self.latest = _Sum(op, self.count)
        self.count += 1

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            x = inputs[0]

            def back(relevance: Tensor) -> list[Tensor]:
                return [mine.share(x, relevance, self.rule.sharing(op.kind, mine.number, self.count))]

            return op.run(x, op.weight, op.bias), back

        return Step((op.x,), run)

    def _norm(self, call: Call) -> Step | None:
        """A norm, which the weighted sum before it takes over if it can."""
        norm, latest = affine(call), self.latest
        if norm is None:
            return None
        before = latest if latest is not None and norm.x is latest.output else None
        if before is not None:
            before.read_elsewhere |= before.norm is not None
            before.norm = norm

        def run(*inputs: Tensor) -> tuple[Any, Backward]:
            x = inputs[0]

            def back(relevance: Tensor) -> list[Tensor]:
                if before is not None and not before.read_elsewhere:
                    return [relevance]
                flow = x * norm.factor
                return [flow * relevance / stabilised(flow + norm.shift, self.rule.epsilon)]

            return call.on(x), back

        return Step((norm.x,), run)

    def _average(self, call: Call) -> Step | None:
        source = operations.average(call)
        if source is None:
            return None

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            with torch.enable_grad():
                leaf = inputs[0].requires_grad_(True)
                y: Tensor = call.on(leaf)

            def back(relevance: Tensor) -> list[Tensor]:
                quotient = relevance / stabilised(y.detach(), self.rule.epsilon)
                return [leaf.detach() * torch.autograd.grad(y, leaf, quotient, retain_graph=True)[0]]

            return y.detach(), back

        return Step((source,), run)

    def _sum(self, call: Call) -> Step | None:
        found = operations.summands(call)
        if found is None:
            return None
        a, b, factor = found

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            first, second = inputs[0], inputs[1] * factor
            z = first + second

            def back(relevance: Tensor) -> list[Tensor]:
                quotient = relevance / stabilised(z, self.rule.epsilon)
                return [(first * quotient).sum_to_size(first.shape), (second * quotient).sum_to_size(second.shape)]

            return z, back

        return Step((a, b), run)


def _handed_on(call: Call) -> Step | None:
    """Scales, gates (their signal takes all) and activations."""
    pair = operations.scaled(call) or operations.gated(call)
    source = operations.passed_on(call) if pair is None else pair[0]
    if source is None:
        return None

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        x = inputs[0]
        return operations.substituted(call, source, x), lambda relevance: [relevance.sum_to_size(x.shape)]

    return Step((source,), run)


def _reads(call: Call, tensor: Tensor) -> bool:
    """Whether a tensor is among a call's arguments, or in a list among them."""
    given = (*call.arguments, *call.options.values())
    return any(part is tensor for value in given for part in (value if isinstance(value, list | tuple) else (value,)))
