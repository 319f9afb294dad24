"""ReLU in other words: `where(x > 0, x, 0)`, `x * (x > 0)`, `maximum(x, 0)`, `x[x < 0] = 0` and the like."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torchesegeta.rules.calls import Call

ABOVE, BELOW = ("gt", "ge", "greater", "greater_equal"), ("lt", "le", "less", "less_equal")
CASTS = ("float", "double", "half", "bfloat16", "to", "type", "type_as", "_to_copy", "clone", "contiguous")


class Disguises:
    """Remembers which masks say where a tensor is above or below zero, for the length of a pass."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[Tensor, Tensor, bool, int]] = {}

    def note(self, call: Call, result: Any) -> None:
        """Remember a comparison with zero, and copies of its answer in another type."""
        if not isinstance(result, Tensor) or not call.arguments:
            return
        first = call.arguments[0]
        if call.name in (*ABOVE, *BELOW) and _is_zero(call.argument(1, "other")):
            self._marks[id(result)] = (result, first, call.name in ABOVE, first._version)
        elif call.name in CASTS and id(first) in self._marks:
            self._marks[id(result)] = (result, *self._marks[id(first)][1:])

    def unmask(self, call: Call) -> Call:
        """The call itself, or the ReLU that it is."""
        given = call.arguments
        if call.name in ("maximum", "max") and len(given) == 2 and _is_zero(given[1]):
            return _relu(given[0])
        if call.name in ("maximum", "max") and len(given) == 2 and _is_zero(given[0]):
            return _relu(given[1])
        if call.name in ("where", "mul", "masked_fill", "setitem", "index_put") and len(given) > 1:
            source = self._rectified(call.name, given)
            return call if source is None else _relu(source, in_place=call.in_place)
        return call

    def _rectified(self, name: str, given: tuple[Any, ...]) -> Tensor | None:
        """The tensor that a masking call rectifies, if it does."""
        if name == "mul":
            for value, mask in (given[:2], given[1::-1]):
                if self._says(mask, value, above=True):
                    return value if isinstance(value, Tensor) else None
            return None
        if len(given) < 3:
            return None
        if name == "where":
            mask, chosen, other = given[:3]
            if self._says(mask, chosen, above=True) and _is_zero(other):
                return chosen if isinstance(chosen, Tensor) else None
            return other if self._says(mask, other, above=False) and _is_zero(chosen) else None
        value, mask, filling = given[:3]
        if name == "index_put":  # what an exported program makes of an assignment
            mask = mask[0] if len(mask) == 1 and not any(given[3:]) else None
        return value if self._says(mask, value, above=False) and _is_zero(filling) else None

    def _says(self, mask: Any, value: Any, *, above: bool) -> bool:
        mark = self._marks.get(id(mask))
        if mark is None or mark[1] is not value:
            return False
        return mark[2] == above and mark[3] == mark[1]._version


def _relu(source: Tensor, *, in_place: bool = False) -> Call:
    return Call("relu", torch.relu_ if in_place else torch.relu, (source,), {}, in_place)


def _is_zero(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.requires_grad and bool((value == 0).all())
    return isinstance(value, int | float) and value == 0
