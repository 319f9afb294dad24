"""Layer visualisation: an image that excites one filter (Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.optimise_method import Draft, Share
from torchesegeta.methods.readouts import need
from torchesegeta.methods.registry import register
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import Channel
from torchesegeta.optimisation.parameterisations import Ranged
from torchesegeta.sweeps import Gradient, Optimise, Problem, Read, Readout, Sample, Sweep

SHEET = 64
"""Filters that a layer is taken to have in plans, before a pass has shown it."""

Filter = Annotated[int, Field(ge=0)]


@register("layer_visualization")
class LayerVisualization(LayerMethod):
    """An image, from noise, that raises the mean activation of a filter of a layer; or one for each of its filters."""

    title = "Layer visualisation"
    family = "Feature visualisation"
    source = "Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034"
    quantity = "image that excites the filter"
    shows = "picture"
    reads = Read.ACTIVATION
    of_model: ClassVar[bool] = True

    filter: Filter | Annotated[tuple[Filter, ...], Field(min_length=1)] | Literal["all"] = Field(
        0, description="The layer's filter, counted from 0; a list of them; or 'all'."
    )
    steps: int = Field(30, ge=1, le=100_000, description="Steps: forward and backward passes.")
    learning_rate: float = Field(
        0.05, gt=0, le=100, description="Of the optimiser (Adam), as a share of the image's range."
    )
    start: tuple[Share, Share] = Field(
        (0.6, 0.7), description="The noise that it starts from lies between these shares of the image's range."
    )
    keep_in_range: bool = Field(
        False, description="Keep values within the image's range, which holds them to what the model may meet."
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One optimisation; before it a look at the layer where all its filters are wanted."""
        filters = SHEET if self.filter == "all" else len(self._filters(SHEET))
        painting = Ranged(*self.start, clipped=self.keep_in_range)
        optimise = Optimise(self.steps, painting, Optimiser("adam", self.learning_rate), pictures=filters)
        return (Gradient(), optimise) if self.filter == "all" else (optimise,)

    def pictures_of(self, channels: int | None) -> int | None:
        """See `Method.pictures_of`."""
        return None if channels is None else len(self._filters(channels))

    def in_image_space(self, layer: str | None) -> bool:
        """True: it is an image."""
        return True

    def readout(self, context: Context) -> Readout:
        """(C, *spatial) for each filter."""
        layer = context.layer
        assert layer is not None

        def wanted() -> list[Problem]:
            return [Problem(f"channel {n}", Channel(layer, n)) for n in self._filters(sheet.channels)]

        sheet = _Sheet(wanted, name=lambda problem: (problem.name, int(problem.name.removeprefix("channel "))))
        return sheet

    def _filters(self, channels: int) -> Sequence[int]:
        if self.filter == "all":
            return range(channels)
        return (self.filter,) if isinstance(self.filter, int) else self.filter


@dataclass
class _Sheet(Draft):
    """Pictures of filters; a pass before tells how many there are."""

    channels: int = 0

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.channels = need(sample.activation).shape[1]
