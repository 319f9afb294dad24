"""How one weighted sum divides relevance among its inputs: the rules of LRP, as zennit defines them.

Bach et al. 2015 (doi:10.1371/journal.pone.0130140), Montavon et al. 2019 (doi:10.1007/978-3-030-28954-6_10).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from torchesegeta.rules.operations import Weigh, Weighted

Term = tuple[Tensor, Tensor, Tensor | None]
"""Input, weights and bias of one part of the sum."""


def stabilised(z: Tensor, epsilon: float) -> Tensor:
    """Z moved away from zero by epsilon."""
    return z + torch.where(z < 0, -epsilon, epsilon)


@dataclass(frozen=True)
class Sharing(ABC):
    """A rule for one weighted sum.

    Attributes:
        epsilon: Keeps the divisor from zero.
    """

    name: ClassVar[str]
    epsilon: float = 1e-6

    @abstractmethod
    def share(self, op: Weighted, relevance: Tensor) -> Tensor:
        """From the relevance of the output to that of `op.x`."""


class Epsilon(Sharing):
    """By x · w, signs and all; the bias keeps its part."""

    name = "epsilon"

    def share(self, op: Weighted, relevance: Tensor) -> Tensor:
        """See `Sharing.share`."""
        return _divided(op.run, [(op.x, op.weight, op.bias)], relevance, self.epsilon)


class ZPlus(Sharing):
    """By what is positive among x · w."""

    name = "zplus"

    def share(self, op: Weighted, relevance: Tensor) -> Tensor:
        """See `Sharing.share`."""
        return _divided(op.run, _positive(op), relevance, self.epsilon)


@dataclass(frozen=True)
class Gamma(Sharing):
    """By x · w with what agrees with the output's sign made 1 + gamma times as large."""

    name = "gamma"
    gamma: float = 0.25

    def share(self, op: Weighted, relevance: Tensor) -> Tensor:
        """See `Sharing.share`."""
        above, below = op.x.clamp(min=0), op.x.clamp(max=0)
        more, less = self._favoured(op.weight, 0, None), self._favoured(op.weight, None, 0)
        bias = op.bias
        rising = None if bias is None else self._favoured(bias, 0, None)
        falling = None if bias is None else self._favoured(bias, None, 0)
        sign = op.run(op.x, op.weight, bias)
        up = _divided(
            op.run, [(above, more, rising), (below, less, None)], torch.where(sign > 0, relevance, 0), self.epsilon
        )
        down = _divided(
            op.run, [(above, less, falling), (below, more, None)], torch.where(sign < 0, relevance, 0), self.epsilon
        )
        return up + down

    def _favoured(self, values: Tensor, low: float | None, high: float | None) -> Tensor:
        return values + self.gamma * values.clamp(low, high)


@dataclass(frozen=True)
class AlphaBeta(Sharing):
    """By what is positive, alpha times, less what is negative, beta = alpha − 1 times."""

    name = "alpha_beta"
    alpha: float = 2.0

    def share(self, op: Weighted, relevance: Tensor) -> Tensor:
        """See `Sharing.share`."""
        shares = self.alpha * _divided(op.run, _positive(op), relevance, self.epsilon)
        if self.alpha == 1:
            return shares
        return shares - (self.alpha - 1) * _divided(op.run, _negative(op), relevance, self.epsilon)


class Flat(Sharing):
    """In equal parts to all inputs, whatever they are."""

    name = "flat"

    def share(self, op: Weighted, relevance: Tensor) -> Tensor:
        """See `Sharing.share`."""
        inputs = torch.ones_like(op.x) * op.held
        return _divided(op.run, [(inputs, torch.ones_like(op.weight), None)], relevance, self.epsilon)


def _positive(op: Weighted) -> list[Term]:
    bias = None if op.bias is None else op.bias.clamp(min=0)
    return _present(
        (op.x.clamp(min=0), op.weight.clamp(min=0), bias), (op.x.clamp(max=0), op.weight.clamp(max=0), None)
    )


def _negative(op: Weighted) -> list[Term]:
    bias = None if op.bias is None else op.bias.clamp(max=0)
    return _present(
        (op.x.clamp(min=0), op.weight.clamp(max=0), bias), (op.x.clamp(max=0), op.weight.clamp(min=0), None)
    )


def _present(first: Term, second: Term) -> list[Term]:
    """Without the part of negative inputs where there are none, after a ReLU say."""
    return [first, second] if bool(second[0].any()) else [first]


def _divided(run: Weigh, terms: Sequence[Term], relevance: Tensor, epsilon: float) -> Tensor:
    """Σ over terms of x · Wᵀ(R / z), z being the sum of all terms."""
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_(True) for x, _, _ in terms]
        parts = [run(leaf, weight, bias) for leaf, (_, weight, bias) in zip(leaves, terms, strict=True)]
        z = torch.stack([part.detach() for part in parts]).sum(0) if len(parts) > 1 else parts[0].detach()
    quotient = relevance / stabilised(z, epsilon)
    slopes = torch.autograd.grad(parts, leaves, [quotient] * len(parts))
    return torch.stack([x * slope for (x, _, _), slope in zip(terms, slopes, strict=True)]).sum(0)
