"""Validation in words: the field by its path, the value, what is allowed, the nearest name."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from torchesegeta.errors import unknown
from torchesegeta.types import Precision

PLAIN = ("str", "int", "float", "bool")
"""Pydantic's names of plain members of a union."""


class Strict(BaseModel):
    """A frozen model that refuses fields it does not have, and names the nearest."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, value: Any) -> Any:
        if isinstance(value, dict):
            names = [field.alias or name for name, field in cls.model_fields.items()]
            strange = [key for key in value if key not in names and key not in cls.model_fields]
            if strange:
                raise ValueError("; ".join(unknown("field", key, names) for key in strange))
        return value


WANTED = {
    "missing": "this field is required",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "an object"),
    "string_type": "a text",
    "path_type": "a path, as a text",
}
"""What is wanted instead, by pydantic's name of the problem."""


def describe(error: ValidationError, path: str = "", *, kinds: Collection[str] = ()) -> str:
    """One line per field that is wrong.

    Args:
        error: What pydantic found.
        path: Path of the validated value in the config, such as `methods[2]`.
        kinds: Tags by which pydantic tells the members of a union apart; they are no part of a field's path.
    """
    problems: list[dict[str, Any]] = [dict(problem) for problem in error.errors()]
    lines: dict[str, list[dict[str, Any]]] = {}
    for problem in problems:
        location = problem["loc"]
        inside = any(len(p["loc"]) > len(location) and p["loc"][: len(location)] == location for p in problems)
        if problem["type"] != "too_short" or not inside:  # wrong items count as missing ones
            lines.setdefault(_join(path, _without_tags(location, kinds)) or "config", []).append(problem)
    return "\n".join(f"{where}: {_say(found)}" for where, found in lines.items())


def _without_tags(location: tuple[int | str, ...], kinds: Collection[str]) -> tuple[int | str, ...]:
    """A field's path without the names of the union members that were tried."""
    tag = next((i for i, part in enumerate(location) if part in kinds), None)
    if tag is not None:
        location = location[:tag] + location[tag + 1 :]
    last = location[-1] if location else None
    if isinstance(last, str) and (last in PLAIN or "[" in last or last.startswith("constrained-")):
        location = location[:-1]
    return location


def _say(problems: list[dict[str, Any]]) -> str:
    """What is wrong with a field; several problems are those of the members of a union."""
    first = problems[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "missing":
        return WANTED["missing"]
    wanted = " or ".join(dict.fromkeys(_wanted(problem) for problem in problems))
    names = re.findall(r"'([^']*)'", wanted) if first["type"] == "literal_error" else []
    near = [f"; nearest: {name!r}" for name in get_close_matches(str(first["input"]), names, n=1, cutoff=0.5)]
    return f"{_shown(first['input'])} is not allowed{''.join(near)}; allowed: {wanted}"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"


def _wanted(problem: dict[str, Any]) -> str:
    context = problem.get("ctx", {})
    if problem["type"] == "literal_error":
        return str(context["expected"])
    if problem["type"] in WANTED:
        return WANTED[problem["type"]].format(**context)
    return str(problem["msg"][0].lower() + problem["msg"][1:])


def _join(path: str, location: tuple[int | str, ...]) -> str:
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return path


def check_agreement(precision: Precision | None, agreement: bool) -> None:
    """Refuse a comparison of float32 with itself.

    Raises:
        ValueError: It is asked for.
    """
    if agreement and precision == "float32":
        raise ValueError("compares maps with those in float32, and precision is 'float32'; set one of them")
