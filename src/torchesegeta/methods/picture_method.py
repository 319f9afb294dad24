"""What methods share that make pictures from nothing, in the image's colours and range."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from torchesegeta.methods.base import LayerMethod
from torchesegeta.methods.pictures.fields import FOURIER, PaintField
from torchesegeta.methods.pictures.moves import STANDARD, MovesField
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.parameterisations import Coloured, Parameterisation
from torchesegeta.optimisation.parameterisations.coloured import Colours, Limits, Start
from torchesegeta.sweeps import Optimise

RATE, CPPN_RATE = 0.05, 0.005


class PictureMethod(LayerMethod):
    """A method whose pictures start from a uniform one and a little noise."""

    family = "Feature visualisation"
    shows = "picture"
    of_model: ClassVar[bool] = True

    parameterisation: PaintField = Field(
        FOURIER,
        description="What a picture is made of: `pixel`, `fourier`, `pyramid` or `cppn`; or an object with a `kind` "
        "and its fields: `deviation` of the start, `decay` of `fourier`, `levels` of `pyramid`, `hidden` and `depth` "
        "of `cppn`.",
    )
    colours: Colours = Field(
        "image",
        description="How channels vary together: as in the image, as on ImageNet (`imagenet`), each for itself "
        "(`none`), or a matrix (from Python).",
    )
    value_range: Limits = Field(
        "image", description="Range of the picture's values: each channel's in the image, `none`, or [low, high]."
    )
    start: Start = Field(
        "mean",
        description="Value of the picture at the start, per channel: the image's `mean`, the `middle` of the range, or "
        "the `background` at the image's border, so that what is not needed stays as dark as there.",
    )
    transforms: MovesField = Field(
        STANDARD,
        description="Random moves at each step, so that no voxel is exploited: `standard`, `none`, or an object with "
        "`pad` and `jitter` in voxels, `scale` as a share and `rotate` in degrees, largest values; 0 is off.",
    )
    steps: int = Field(256, ge=1, le=100_000, description="Steps: forward and backward passes.")
    learning_rate: float | None = Field(
        None, gt=0, le=1000, description="Of the optimiser (Adam); without: 0.05, and 0.005 for `cppn`."
    )

    @field_validator("value_range")
    @classmethod
    def _rising(cls, value: Limits) -> Limits:
        if isinstance(value, tuple) and not value[0] < value[1]:
            raise ValueError(f"the range [{value[0]:g}, {value[1]:g}] is empty; the first number is the lower one")
        return value

    def optimise(self, pictures: int = 1) -> Optimise:
        """The sweep.

        Args:
            pictures: How many it is expected to make.
        """
        rate = self.learning_rate or (CPPN_RATE if self.parameterisation.kind == "cppn" else RATE)
        coloured = Coloured(self.painted(), self.colours, self.value_range, self.start)
        optimiser, moves = Optimiser("adam", rate), self.transforms.transforms()
        return Optimise(self.steps, coloured, optimiser, moves, pictures=pictures)

    def painted(self) -> Parameterisation:
        """What is coloured."""
        return self.parameterisation.parameterisation()

    def in_image_space(self, layer: str | None) -> bool:
        """True: it is an image."""
        return True
