"""How methods say by how much pictures are moved before the model sees them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from torchesegeta.errors import unknown
from torchesegeta.optimisation.transforms import Transform, standard
from torchesegeta.validation import Strict


class Moves(Strict):
    """Random moves at each step: a border, a shift, a factor, an angle, and a shift of half the first; 0 is off.

    Attributes:
        pad: Width of the border, the picture mirrored, in voxels; at most an eighth of the axis.
        jitter: Largest shift along each axis, in voxels; at most a sixteenth of the axis.
        scale: Largest share by which the picture grows or shrinks.
        rotate: Largest angle in degrees; in 3D in one plane at a step.
    """

    pad: int = Field(12, ge=0, le=4096)
    jitter: int = Field(4, ge=0, le=4096)
    scale: float = Field(0.1, ge=0, le=0.9)
    rotate: float = Field(10.0, ge=0, le=180)

    @model_serializer(mode="wrap")
    def _short(self, full: SerializerFunctionWrapHandler) -> Any:
        """As a user would write it: a name, or the fields that were set."""
        name = next((name for name, moves in NAMED.items() if moves == self), None)
        return name or {key: value for key, value in full(self).items() if key in self.model_fields_set}

    def transforms(self) -> tuple[Transform, ...]:
        """The same, to be drawn."""
        return standard(pad=self.pad, jitter=self.jitter, scale=self.scale, rotate=self.rotate)


STANDARD, NONE = Moves(), Moves(pad=0, jitter=0, scale=0, rotate=0)
NAMED = {"standard": STANDARD, "none": NONE}


def parse_moves(value: Any) -> Any:
    """Accept a name, or the fields of `Moves`."""
    if isinstance(value, str):
        if value not in NAMED:
            raise ValueError(unknown("transforms", value, NAMED))
        return NAMED[value]
    return value


MovesField = Annotated[Moves, BeforeValidator(parse_moves)]
