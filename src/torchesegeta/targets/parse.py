"""Targets as a user writes them: an index, a list, or a mapping with a kind."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from torchesegeta.errors import unknown
from torchesegeta.targets.base import Target
from torchesegeta.targets.classes import ClassTarget
from torchesegeta.targets.error import ErrorTarget
from torchesegeta.targets.multiclass import MulticlassTarget
from torchesegeta.targets.region import RegionTarget
from torchesegeta.targets.threshold import ThresholdTarget

KINDS = ("class", "multiclass", "threshold", "region", "error")
AnyTarget = Annotated[
    ClassTarget | MulticlassTarget | ThresholdTarget | RegionTarget | ErrorTarget, Field(discriminator="kind")
]


def _expand(value: Any) -> Any:
    if value is None:
        return {"kind": "class"}
    if isinstance(value, int | str) and not isinstance(value, bool):
        return {"kind": "class", "classes": (value,)}
    if isinstance(value, list | tuple):
        return {"kind": "class", "classes": tuple(value)}
    if isinstance(value, dict):
        kind = value.get("kind")
        if kind not in KINDS:
            raise ValueError(unknown("kind", kind, KINDS))
    elif not isinstance(value, Target):
        raise ValueError(f"expected a class index or name, a list of them, or a mapping with a 'kind'; got {value!r}")
    return value


TargetSpec = Annotated[AnyTarget, BeforeValidator(_expand)]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(TargetSpec)


def parse_target(value: Any) -> Target:
    """A target from a class index or name, a list of them, a mapping with a `kind`, or None (the predicted class).

    Raises:
        pydantic.ValidationError: The value is none of these.
    """
    target: Target = _ADAPTER.validate_python(value)
    return target
