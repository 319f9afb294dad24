"""The one autograd function behind all rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torchesegeta.rules.base import Backward, Forward


class Ruled(torch.autograd.Function):
    """An operation with a rule's way back; several outputs pass their first one's gradient. Its node knows its name."""

    @staticmethod
    def forward(ctx: Any, name: str, run: Forward, others: tuple[Tensor, ...], *inputs: Tensor) -> Any:
        """The operation's own output."""
        ctx.operation = name
        output, ctx.way_back = run(*(t.detach() for t in inputs), *others)
        return _owned(output)

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> tuple[Any, ...]:
        """The rule's gradient."""
        with torch.no_grad():
            return (None, None, None, *ctx.way_back(slopes[0]))


def _owned(output: Any) -> Any:
    """The output as tensors of its own: autograd forbids views here once they are changed in place."""
    if isinstance(output, tuple):
        return tuple(_owned(part) for part in output)
    return output.clone() if isinstance(output, Tensor) and output._is_view() else output


def started(output: Tensor, start: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A model's output whose slope is replaced on the way back.

    Args:
        output: (B, C, ...).
        start: From the output and the score's slope there to what goes back into the model.
    """

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        return inputs[0].clone(), lambda slope: [start(inputs[0], slope)]

    result: Tensor = apply("output", run, (output,))
    return result


def is_ruled(node: Any) -> bool:
    """Whether a node of the autograd graph was made by a rule."""
    return isinstance(node, Ruled._backward_cls)


def operation_of(node: Any) -> str | None:
    """The name of the operation that a rule made a node for; None for other nodes."""
    return str(node.operation) if is_ruled(node) else None


def apply(name: str, run: Forward, inputs: tuple[Tensor, ...], others: tuple[Tensor, ...] = ()) -> Any:
    """Run a step.

    Args:
        name: Of the operation.
        run: The step.
        inputs: Tensors that get gradients.
        others: Tensors that get none: the inputs at a baseline.
    """
    return Ruled.apply(name, run, others, *inputs)  # type: ignore[no-untyped-call]
