"""Validation errors in words: the field by its path, the value, what is allowed, the nearest name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from torchesegeta.errors import unknown


def describe(error: ValidationError, path: str, fields: Mapping[str, Any] | type[BaseModel]) -> str:
    """One line per problem.

    Args:
        error: What pydantic found.
        path: Path of the validated value in the config, such as `methods[2]`.
        fields: The fields there are, for the nearest name of one that is not.
    """
    names = list(fields.model_fields if isinstance(fields, type) else fields)
    return "\n".join(_line(dict(problem), path, names) for problem in error.errors())


def _line(problem: dict[str, Any], path: str, names: list[str]) -> str:
    where = _join(path, problem["loc"])
    if problem["type"] == "extra_forbidden":
        if len(problem["loc"]) == 1:
            return f"{path or 'config'}: {unknown('field', problem['loc'][-1], names)}"
        return f"{where}: this field does not exist"
    if problem["type"] == "missing":
        return f"{where}: this field is required"
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}" if "ctx" in problem else f"{where}: {problem['msg']}"
    value = problem["input"]
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{where}: {shown} is not allowed: {message}"


def _join(path: str, location: tuple[int | str, ...]) -> str:
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return path
