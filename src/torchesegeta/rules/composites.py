"""Descent into functions that torch itself writes in Python, down to the operations they are made of.

An active mode is told of `multi_head_attention_forward` or `softsign` as a whole, and runs it with the mode off. Here a
copy of the function is called that believes nobody listens; the operations inside then meet the mode one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from torch._jit_internal import boolean_dispatched

PYTHON = ("torch.nn.functional", "torch.functional")
"""Modules whose functions are compositions of operations."""
METHODS = ("__rdiv__", "__rpow__", "norm")
"""Tensor methods that are; others written in Python only pass their call on, and would meet themselves again."""


def is_composite(function: Any) -> bool:
    """Whether a function is made of operations in Python."""
    if not isinstance(function, FunctionType):
        return False
    of_tensor = function.__module__ == "torch._tensor" and function.__name__ in METHODS
    return of_tensor or function.__module__ in PYTHON


def inside(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Callable[..., Any]:
    """The function that runs a composite's operations in sight of the mode."""
    choice: dict[str, Any] | None = boolean_dispatched.get(function)
    if choice is not None:
        place, name = choice["index"], choice["arg_name"]
        flag = arguments[place] if place < len(arguments) else options.get(name, choice["default"])
        function = choice["if_true" if flag else "if_false"]
    return _unheard(function)


@cache
def _unheard(function: FunctionType) -> FunctionType:
    """A copy of a function in whose world no torch function is overridden."""
    quiet: dict[str, Any] = {
        name: _nobody for name in ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    }
    world = {**function.__globals__, **quiet}
    copy = FunctionType(function.__code__, world, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _nobody(*_arguments: Any) -> bool:
    return False
