"""What a rule is: a changed backward step for some operations, whoever calls them.

A rule is a frozen value. During a forward pass it is asked for a step for each operation that it names; the step makes
the operation's own output and says how a gradient goes back through it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from torch import Tensor
from torch.autograd.graph import Node

from torchesegeta.errors import IncompatibleError
from torchesegeta.rules.activations import ACTIVATIONS
from torchesegeta.rules.calls import Call

Unknown = Literal["refuse", "gradient"]
"""What becomes of an operation that a rule does not know: the model is refused, or its plain gradient is kept."""

Backward = Callable[[Tensor], Sequence[Tensor | None]]
"""From the gradient at a step's output to those at its inputs."""


class Forward(Protocol):
    """The operation on its inputs (the image's, and the baseline's where the rule has one).

    Returns what the operation returns, and the way back from its (first) output to the inputs.
    """

    def __call__(self, *inputs: Tensor) -> tuple[Any, Backward]:
        """Run it."""


@dataclass(frozen=True)
class Step:
    """One operation under a rule.

    Attributes:
        inputs: The tensors that get gradients.
        run: Computes the output and the way back.
    """

    inputs: tuple[Tensor, ...]
    run: Forward


class Steps(Protocol):
    """What tells the steps of a pass, call by call."""

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""

    def seen(self, call: Call, result: Any) -> None:
        """Told every operation and its result, as the model gets it."""


class NoRule(IncompatibleError):
    """A step for an operation that the rule names, but not in this form."""


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """A changed backward pass.

    Attributes:
        unknown: What becomes of operations without a rule; where they keep their gradient, every map names them.

    Class attributes:
        name: As messages call it.
        takes: Names of the nonlinear operations that it takes as a whole.
        needs_baseline: Whether its steps take the operation's inputs at a baseline too, after the image's; such a rule
            also covers the score's own operations.
        may_match_nothing: Whether it is right on a model without any operation that it names.
        shares_out: Whether a quantity is divided among what made it, instead of a slope going back: the pass then
            begins with `start`, and the score must be linear in the output.
        normalises: Whether what it shares out adds up to 1, whatever the score.
        keeps_output: Whether every step puts out what the operation itself does with its own arguments; the output is
            then the plain one by construction, and no plain pass is made to compare them.
        half_safe: Whether its way back is sound in half precision; rules that divide are not.
        in_parts: Whether a batch holds three rows: the baseline with what rises on the way to the image, the baseline
            with what falls, and the image.
    """

    name: ClassVar[str]
    takes: ClassVar[frozenset[str]] = ACTIVATIONS
    needs_baseline: ClassVar[bool] = False
    may_match_nothing: ClassVar[bool] = False
    shares_out: ClassVar[bool] = False
    normalises: ClassVar[bool] = False
    keeps_output: ClassVar[bool] = False
    half_safe: ClassVar[bool] = False
    in_parts: ClassVar[bool] = False

    unknown: Unknown = "refuse"

    def opened(self) -> Steps:
        """The steps of one pass; rules whose steps know of each other keep what they know there."""
        return self

    def seen(self, call: Call, result: Any) -> None:
        """See `Steps.seen`."""
        return

    def start(self, output: Tensor, slope: Tensor, *, whole: bool = True) -> Tensor:
        """What is shared out, of rules that do.

        Args:
            output: Raw output, (B, C, ...).
            slope: ∂score/∂output.
            whole: Whether this is all that the score reads; else what is read of several outputs adds up to 1 already,
                for rules that normalise it.
        """
        return slope

    @abstractmethod
    def step(self, call: Call) -> Step | None:
        """The step for a call; None for operations whose own gradient is right.

        Raises:
            NoRule: It has no step for the operation in this form.
        """

    @abstractmethod
    def forbids(self, node: Node, inputs: int) -> bool:
        """Whether a node of the autograd graph that no rule made must not be there.

        Args:
            node: The node.
            inputs: How many of its inputs depend on the image.
        """

    def amplifies(self, matched: Iterable[str]) -> bool:
        """Whether operations, by name, may blow a baseline's rounding up; only for rules that need one."""
        return False

    def decompose(self, call: Call) -> Callable[[], Any] | None:
        """A fused operation written out in plain ones, which then meet the rule; None for most.

        Raises:
            NoRule: It has no step for the operation in this form.
        """
        return None
