"""How methods say what their pictures are made of: parameters of parameterisations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from torchesegeta.errors import unknown
from torchesegeta.optimisation.parameterisations import Cppn, Fourier, Parameterisation, Pixels, Pyramid
from torchesegeta.validation import Strict

Kind = Literal["pixel", "fourier", "pyramid", "cppn"]

_KINDS: dict[str, tuple[type[Parameterisation], frozenset[str]]] = {
    "pixel": (Pixels, frozenset({"deviation"})),
    "fourier": (Fourier, frozenset({"deviation", "decay"})),
    "pyramid": (Pyramid, frozenset({"deviation", "levels"})),
    "cppn": (Cppn, frozenset({"hidden", "depth"})),
}
"""What each kind is, and its fields."""


class Paint(Strict):
    """What a picture is made of.

    Attributes:
        kind: `pixel`, every voxel for itself; `fourier`, its spectrum; `pyramid`, layers from coarse to fine; `cppn`,
            a small network from places to values.
        deviation: Standard deviation of the parameters at the start: 0.01.
        decay: Of `fourier`: weights 1 / frequency^decay; without, half the number of dimensions.
        levels: Of `pyramid`: 5.
        hidden: Of `cppn`, units of a hidden layer: 24.
        depth: Of `cppn`, hidden layers: 8.
    """

    kind: Kind
    deviation: float | None = Field(None, ge=0)
    decay: float | None = Field(None, ge=0)
    levels: int | None = Field(None, ge=1, le=16)
    hidden: int | None = Field(None, ge=1, le=1024)
    depth: int | None = Field(None, ge=1, le=64)

    @model_validator(mode="after")
    def _fields_of_kind(self) -> Paint:
        _, known = _KINDS[self.kind]
        strange = sorted(name for name in self.model_fields_set - {"kind"} if name not in known)
        if strange:
            raise ValueError(
                f"the parameterisation {self.kind!r} has no field {strange[0]!r}; it has {', '.join(sorted(known))}"
            )
        return self

    @model_serializer(mode="wrap")
    def _short(self, full: SerializerFunctionWrapHandler) -> Any:
        """As a user would write it: a name, or the fields that were set."""
        given = {name: value for name, value in full(self).items() if value is not None}
        return self.kind if set(given) == {"kind"} else given

    def parameterisation(self) -> Parameterisation:
        """The same, to be begun."""
        make, known = _KINDS[self.kind]
        return make(**{name: value for name in known if (value := getattr(self, name)) is not None})


def parse_paint(value: Any) -> Any:
    """Accept a name, or the fields of a `Paint`."""
    if isinstance(value, str):
        if value not in _KINDS:
            raise ValueError(unknown("parameterisation", value, _KINDS))
        return {"kind": value}
    return value


PaintField = Annotated[Paint, BeforeValidator(parse_paint)]
FOURIER = Paint(kind="fourier")
