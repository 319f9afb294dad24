"""Finds the tensor that is explained in what a model returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from torchesegeta.errors import ModelError


def pick_output(raw: object, selector: int | str | None) -> Tensor:
    """Takes one tensor out of a model's output.

    Args:
        raw: A tensor, or lists, tuples, mappings, named tuples or dataclasses of them, nested at will.
        selector: Index or key, or a dotted path of both such as "out.0". None takes the only tensor there is; a lone
            tensor is also its own number 0.

    Returns:
        The tensor, of a floating-point type.

    Raises:
        ModelError: The selector leads nowhere or to no tensor, or is None where there is a choice, or the tensor is
            not of a floating-point type. The message lists the tensors there are.
    """
    chosen = _only(raw) if selector is None else _follow(raw, tuple(str(selector).split(".")))
    if chosen is None:
        problem = "must be chosen" if selector is None else f"{selector!r} is not a tensor of the model's output"
        raise ModelError(f"output {problem}; there are: {_listing(raw)}")
    if not chosen.is_floating_point():
        raise ModelError(
            f"the model's output {'' if selector is None else repr(selector) + ' '}is of type {_type(chosen)}; "
            "explanations need scores of a floating-point type, before any argmax or threshold"
        )
    return chosen


def _parts(value: object) -> dict[str, Any]:
    """The members of a container by their names; none for anything else."""
    if isinstance(value, Mapping):
        return {str(key): member for key, member in value.items()}
    if isinstance(value, list | tuple):
        return {str(index): member for index, member in enumerate(value)}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return {}


def _only(raw: object) -> Tensor | None:
    while not isinstance(raw, Tensor):
        parts = _parts(raw)
        if len(parts) != 1:
            return None
        (raw,) = parts.values()
    return raw


def _follow(raw: object, path: tuple[str, ...]) -> Tensor | None:
    if isinstance(raw, Tensor) and path in (("0",), ("-1",)):
        return raw
    for name in path:
        parts = _parts(raw)
        raw = parts.get(name, parts.get(_index(raw, name)))
    return raw if isinstance(raw, Tensor) else None


def _index(raw: object, name: str) -> str:
    """The plain index for one that counts from the end, or for a field of a named tuple."""
    if isinstance(raw, list | tuple) and name.startswith("-") and name[1:].isdigit():
        return str(len(raw) - int(name[1:]))
    named: tuple[str, ...] = getattr(raw, "_fields", ())
    return str(named.index(name)) if name in named else ""


def _tensors(raw: object, path: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(raw, Tensor):
        yield path, raw
    for name, member in _parts(raw).items():
        yield from _tensors(member, f"{path}.{name}" if path else name)


def _listing(raw: object) -> str:
    found = [f"{path or '0'!s} {tuple(tensor.shape)} {_type(tensor)}" for path, tensor in _tensors(raw)]
    return "; ".join(found) or f"no tensors (a {type(raw).__name__})"


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
