"""Excitation backpropagation: the winners take all (Zhang et al. 2016, arXiv:1608.00507)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.autograd.graph import Node

from torchesegeta.errors import IncompatibleError
from torchesegeta.rules import operations
from torchesegeta.rules.affine import affine
from torchesegeta.rules.base import Backward, Rule, Step
from torchesegeta.rules.calls import Call

Negative = Literal["shift", "clamp", "signed", "refuse"]
Lost = Literal["drop", "keep"]
Excite = Callable[[Tensor], Tensor]
"""From inputs to the units' excitation."""


@dataclass(frozen=True)
class Excitation(Rule):
    """A probability, the mass, goes back: each unit hands its share to the inputs that excite it, by x · w⁺.

    Mass is not negative, so its sign is free to say what it stands for: −P is the mass of a unit's negative, whose
    winners are those that inhibit the unit. So norms and scales with a negative factor need not see their neighbours.

    Attributes:
        negative: What is done about inputs below zero, for which winners are not defined: taken from their lowest value
            on, set to zero, left to the formula as they are (which gives no probability), or refused.
        lost: Whether a unit that nothing excites drops its mass, as published, or keeps it: shared by positive weights
            alone, evenly where there are none.
        epsilon: Excitation up to which nothing excites a unit.
    """

    name: ClassVar[str] = "excitation backpropagation"
    shares_out: ClassVar[bool] = True
    normalises: ClassVar[bool] = True

    negative: Negative = "shift"
    lost: Lost = "drop"
    epsilon: float = 1e-20

    def start(self, output: Tensor, slope: Tensor, *, whole: bool = True) -> Tensor:
        """The prior: the score's region, divided by its size; negative for the negative of a logit."""
        flat = slope.flatten(1)
        size = flat.abs().sum(1)
        if bool((flat.sum(1).abs() < 0.999 * size).any()):
            raise IncompatibleError(f"{self.name} starts from one class's logits, not from a difference of them")
        if not whole:
            return slope
        return slope / size.clamp(min=torch.finfo(slope.dtype).tiny).view(-1, *[1] * (slope.ndim - 1))

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        for step in (self._weighted, self._average, self._sum, self._scale):
            found = step(call)
            if found is not None:
                return found
        return None

    def forbids(self, node: Node, inputs: int) -> bool:
        """Whatever does not merely move mass."""
        return not operations.is_move(node, inputs)

    def _weighted(self, call: Call) -> Step | None:
        op = operations.weighted(call)
        if op is None:
            return None
        run, weight, held = op.run, op.weight, op.held

        def back(x: Tensor, mass: Tensor) -> Tensor:
            excited, even = self._excited(call, x) * held, torch.ones_like(weight)

            def win(weights: Tensor, part: Tensor) -> Tensor:
                ways = [lambda t: run(t * held, weights, None), lambda t: run(t * held, even, None)]
                return self._win(excited, ways, part)

            return _by_sign(
                mass, lambda part: win(weight.clamp(min=0), part), lambda part: win(-weight.clamp(max=0), part)
            )

        return self._step(op.x, back, lambda x: run(x, weight, op.bias))

    def _average(self, call: Call) -> Step | None:
        source = operations.average(call)
        if source is None:
            return None

        def back(x: Tensor, mass: Tensor) -> Tensor:
            return _by_sign(
                mass,
                lambda part: self._win(self._excited(call, x), [call.on], part),
                lambda part: -self._win(self._excited(call, -x), [call.on], part),
            )

        return self._step(source, back, call.on)

    def _sum(self, call: Call) -> Step | None:
        found = operations.summands(call)
        if found is None:
            return None
        a, b, factor = found

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            first, second = inputs[0], inputs[1] * factor

            def back(mass: Tensor) -> list[Tensor]:
                above, below = mass.clamp(min=0), mass.clamp(max=0)
                mine = above * self._part(first, second) + below * self._part(-first, -second)
                rest = above * self._part(second, first) + below * self._part(-second, -first)
                return [mine.sum_to_size(first.shape), rest.sum_to_size(second.shape) * (1 if factor > 0 else -1)]

            return torch.add(first, second), back

        return Step((a, b), run)

    def _part(self, mine: Tensor, other: Tensor) -> Tensor:
        """The share of one of two summands, by what excites."""
        a, b = mine.clamp(min=0), other.clamp(min=0)
        otherwise: Tensor | float = 0.5 if self.lost == "keep" else 0.0
        if self.negative == "shift":
            above, beside = mine - mine.min().clamp(max=0), other - other.min().clamp(max=0)
            otherwise = torch.where(above + beside > self.epsilon, above / (above + beside), otherwise)
        return torch.where(a + b > self.epsilon, a / (a + b), otherwise)

    def _scale(self, call: Call) -> Step | None:
        """Norms, scales, gates and activations hand mass on; a negative factor makes it that of the negative."""
        source: Tensor | None = operations.passed_on(call)
        factor: Tensor | float | None = None
        norm, pair = affine(call), operations.scaled(call) or operations.gated(call)
        if norm is not None:
            source, factor = norm.x, norm.factor
        elif pair is not None:
            source, factor = pair
        if source is None:
            return None
        sign = None if factor is None else torch.as_tensor(factor, device=source.device).detach().sign()

        def back(x: Tensor, mass: Tensor) -> Tensor:
            return mass if sign is None else (mass * sign).sum_to_size(x.shape)

        return self._step(source, back, lambda x: operations.substituted(call, source, x))

    @staticmethod
    def _step(source: Tensor, back: Callable[[Tensor, Tensor], Tensor], forward: Callable[[Tensor], Tensor]) -> Step:
        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            x = inputs[0]
            return forward(x), lambda mass: [back(x, mass)]

        return Step((source,), run)

    def _excited(self, call: Call, x: Tensor) -> Tensor:
        """The input as winners are counted: not negative."""
        lowest = 0.0 if self.negative == "signed" else float(x.min())
        if lowest >= 0:
            return x
        if self.negative == "refuse":
            raise IncompatibleError(
                f"{self.name} is not defined for negative inputs, and those of {call.name} go down to {lowest:.3g}: "
                "allow 'shift' or 'clamp' for 'negative', or read a layer above"
            )
        return x - lowest if self.negative == "shift" else x.clamp(min=0)

    def _win(self, x: Tensor, ways: Sequence[Excite], mass: Tensor) -> Tensor:
        """Mass handed to inputs by their part in the excitation: x · Aᵀ(P / A x).

        Args:
            x: Inputs, not negative.
            ways: A, and what shares evenly where A has no weights.
            mass: P.
        """
        share, dry = self._handed(x, ways[0], mass)
        for way in ways if self.lost == "keep" else ():
            if bool(dry.any()):
                more, dry = self._handed(torch.ones_like(x), way, dry)
                share = share + more
        return share

    def _handed(self, x: Tensor, excite: Excite, mass: Tensor) -> tuple[Tensor, Tensor]:
        """What inputs win, and the mass of units that nothing excites."""
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            excitation = excite(leaf)
        live = (excitation.abs() if self.negative == "signed" else excitation).detach() > self.epsilon
        quotient = torch.where(live, mass / torch.where(live, excitation.detach(), 1), 0)
        (slope,) = torch.autograd.grad(excitation, leaf, quotient)
        return x * slope, torch.where(live, 0, mass)


def _by_sign(mass: Tensor, above: Callable[[Tensor], Tensor], below: Callable[[Tensor], Tensor]) -> Tensor:
    """The shares of both kinds of mass, the second only where there is any."""
    if bool((mass >= 0).all()):
        return above(mass)
    return above(mass.clamp(min=0)) + below(-mass.clamp(max=0))
