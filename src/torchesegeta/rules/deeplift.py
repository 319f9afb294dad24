"""DeepLIFT's rescale rule, exact on every operation that it knows (Shrikumar et al. 2017, arXiv:1704.02685)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch.autograd.graph import Node

from torchesegeta.rules.activations import ACTIVATIONS
from torchesegeta.rules.base import Rule, Step
from torchesegeta.rules.calls import Call
from torchesegeta.rules.rescale import attention, elementwise, linear, max_pool, norms, products, softmax

DIVIDING = norms.NORMS | {"div", "reciprocal", "sqrt", "rsqrt", "pow", "log", "log1p"}
"""Operations whose slope has no bound: rounding in may be far more out."""


@dataclass(frozen=True)
class DeepLift(Rule):
    """Differences to a baseline go back instead of slopes: Σ multiplier · Δinput is Δscore.

    Linear operations keep their gradient; every other operation needs a step here, or the model is refused.
    """

    name: ClassVar[str] = "DeepLIFT"
    takes: ClassVar[frozenset[str]] = ACTIVATIONS.union(
        elementwise.FURTHER, elementwise.CLOSED, max_pool.WITH_INDICES, norms.NORMS, softmax.SOFTMAX
    )
    needs_baseline: ClassVar[bool] = True
    may_match_nothing: ClassVar[bool] = True
    keeps_output: ClassVar[bool] = True

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        for step in (elementwise.step, products.step, max_pool.step, norms.step, softmax.step):
            found = step(call)
            if found is not None:
                return found
        return None

    def amplifies(self, matched: Iterable[str]) -> bool:
        """Norms, quotients and roots may divide by next to nothing."""
        return not DIVIDING.isdisjoint(matched)

    def decompose(self, call: Call) -> Callable[[], Any] | None:
        """Attention, in its parts."""
        return attention.decompose(call)

    def forbids(self, node: Node, inputs: int) -> bool:
        """Whatever is not linear."""
        return not linear.is_linear(node, inputs)
