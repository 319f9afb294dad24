"""Validation in words: the field by its path, the value, what is allowed, the nearest name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from torchesegeta.errors import unknown


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


def describe(error: ValidationError, path: str = "") -> str:
    """One line per problem.

    Args:
        error: What pydantic found.
        path: Path of the validated value in the config, such as `methods[2]`.
    """
    return "\n".join(_line(dict(problem), path) for problem in error.errors())


def _line(problem: dict[str, Any], path: str) -> str:
    where = _join(path, problem["loc"]) or "config"
    if problem["type"] == "missing":
        return f"{where}: this field is required"
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}"
    value = problem["input"]
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{where}: {shown} is not allowed: {message}"


def _join(path: str, location: tuple[int | str, ...]) -> str:
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return path
