"""DeepDream: what a layer sees in the image, made stronger (Mordvintsev et al. 2015, "Inceptionism")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.pictures.dream import Dream
from torchesegeta.methods.pictures.octaves import octave_sizes
from torchesegeta.methods.registry import register
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.exposures import Resized
from torchesegeta.optimisation.objectives import Channel, Energy, Objective, Score
from torchesegeta.optimisation.parameterisations import Ranged
from torchesegeta.optimisation.transforms import Roll
from torchesegeta.sweeps import Optimise, Read, Readout, Sweep

RECOGNISABLE = 0.3
"""Structural similarity below which little of the image is left to be seen."""


@register("deep_dream")
class DeepDream(LayerMethod):
    """The image itself, changed so that what a layer already sees in it grows: features the model looks for appear.

    It is dreamt in octaves, small images first, each with the detail of the image put back. Steps are in shares of the
    image's range; the gradient is divided by its mean magnitude.
    """

    title = "DeepDream"
    family = "Feature visualisation"
    source = "Mordvintsev et al. 2015, Inceptionism: Going Deeper into Neural Networks"
    quantity = "image in which the layer's features are stronger"
    shows = "picture"

    of: Literal["layer", "target"] = Field(
        "layer", description="What grows: the activation of layers, or the target's score."
    )
    filter: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The layer's filter, by its mean activation; without: the whole layer, by its mean square."
    )
    octaves: int = Field(3, ge=1, le=20, description="Sizes in which it is dreamt, the last one the image's own.")
    scale: float = Field(1.4, gt=1, le=10, description="From one octave's size to the next.")
    steps: int = Field(10, ge=1, le=100_000, description="Steps in each octave: forward and backward passes.")
    learning_rate: float = Field(
        0.01, gt=0, le=100, description="Mean change of a voxel in a step, as a share of the image's range."
    )
    jitter: int = Field(
        16, ge=0, description="Voxels by which the picture is shifted round at random before a step, for layers only."
    )
    tile: int | None = Field(
        None,
        ge=8,
        description="Edge of the parts in which pictures are run where the whole does not fit; a multiple of the "
        "network's coarsest stride. For layers only: a target's score needs the whole.",
    )
    keep_in_range: bool = Field(True, description="Keep values within the image's range.")

    @model_validator(mode="after")
    def _whole_scores(self) -> DeepDream:
        if self.of == "target" and self.tile is not None:
            raise ValueError("tile: a target's score needs the whole picture; leave 'tile' out, or dream of a layer")
        if self.of == "target" and self.filter is not None:
            raise ValueError("filter: a target has none; leave it out, or dream of a layer")
        return self

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """See `Method.places`."""
        return super().places(layers) if self.of == "layer" else (None,)

    def reads_at(self, layer: str | None) -> Read:
        """A layer's activation, or the score."""
        return Read.SCORE if layer is None else Read.ACTIVATION

    def in_image_space(self, layer: str | None) -> bool:
        """True: it is an image."""
        return True

    def sweeps(self) -> tuple[Sweep, ...]:
        """One optimisation for each octave."""
        of_layer = self.of == "layer"
        return (
            Optimise(
                self.steps,
                Ranged(clipped=self.keep_in_range),
                Optimiser("sgd", self.learning_rate, normalised=True),
                (Roll(self.jitter),) if self.jitter and of_layer else (),
                None if of_layer else Resized(),
                tile=self.tile,
                pictures=self.octaves,
            ),
        )

    def readout(self, context: Context) -> Readout:
        """(C, *spatial), and the octaves on the way."""
        sizes = octave_sizes(context.shape, self.octaves, self.scale)
        name = None if self.filter is None else f"channel {self.filter}"
        return Dream(context.image, self._objective(context.layer), sizes, name, self.filter)

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A dream in which the image is lost."""
        left = measures.get("ssim", 1.0)
        if left >= RECOGNISABLE:
            return []
        return [f"the image is hardly recognisable in the dream (structural similarity {left:.2f}): take fewer steps"]

    def _objective(self, layer: str | None) -> Objective:
        if layer is None:
            return Score()
        return Energy(layer) if self.filter is None else Channel(layer, self.filter)
