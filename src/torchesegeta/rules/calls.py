"""An operation as it is called: one name for it as a function, a tensor method, an operator or an `aten` operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ALIASES = {
    "clip": "clamp",
    "divide": "div",
    "multiply": "mul",
    "rmul": "mul",
    "special_expit": "sigmoid",
    "true_divide": "div",
    "truediv": "div",
    "log_sigmoid": "logsigmoid",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
}
"""Further names of the same operation."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call of an operation.

    Attributes:
        name: `relu` for `torch.relu`, `Tensor.relu_`, `aten.relu.default`, …
        function: What was called.
        arguments: Its arguments by position; the input comes first.
        options: Its arguments by name.
        in_place: Whether it writes its result into its input.
    """

    name: str
    function: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    in_place: bool = False

    @property
    def operand(self) -> Tensor | None:
        """The first input, where it is a floating point tensor."""
        first = self.arguments[0] if self.arguments else None
        return first if isinstance(first, Tensor) and first.is_floating_point() else None

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument, given by position or by name."""
        if len(self.arguments) > position:
            return self.arguments[position]
        return self.options.get(name, default)

    def on(self, *inputs: Tensor) -> Any:
        """The operation's result for other leading inputs, which are left as they are."""
        first = inputs[0].clone() if self.in_place else inputs[0]
        return self.function(first, *inputs[1:], *self.arguments[len(inputs) :], **self.options)


@torch.no_grad()
def plainly(call: Call) -> Tensor:
    """What a call puts out, or leaves in its input, without a rule; its arguments are left as they are."""
    if not call.in_place:
        return call.function(*call.arguments, **call.options)  # type: ignore[no-any-return]
    changed: Tensor = call.arguments[0].clone()
    call.function(changed, *call.arguments[1:], **call.options)
    return changed


def recognise(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Call:
    """The call under its one name."""
    if isinstance(function, torch._ops.OpOverload):
        name = function._schema.name.split("::")[-1]
    else:
        name = getattr(function, "__name__", type(function).__name__)
    name, in_place = plain_name(name)
    options = dict(options)
    for first in ("input", "self"):
        if not arguments and first in options:
            arguments = (options.pop(first),)
    return Call(name, function, arguments, options, in_place)


def plain_name(name: str) -> tuple[str, bool]:
    """An operation's one name, and whether it works in place."""
    dunder = name.startswith("__") and name.endswith("__")
    name = name.strip("_") if dunder else name
    if dunder and name in ("iadd", "isub", "imul", "idiv", "itruediv", "ipow"):
        name = name[1:] + "_"
    in_place = name.endswith("_") or name == "setitem"
    name = name.rstrip("_")
    return ALIASES.get(name, name), in_place
