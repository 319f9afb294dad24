"""Layer visualisation: an image that excites one filter (Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.optimise_method import Draft
from torchesegeta.methods.registry import register
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import Channel
from torchesegeta.optimisation.parameterisations import Pixels
from torchesegeta.sweeps import Optimise, Problem, Read, Readout, Sweep


@register("layer_visualization")
class LayerVisualization(LayerMethod):
    """An image, from noise, that raises the mean activation of one filter of a layer."""

    title = "Layer visualisation"
    family = "Feature visualisation"
    source = "Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034"
    quantity = "image that excites the filter"
    shows = "picture"
    reads = Read.ACTIVATION
    of_model: ClassVar[bool] = True

    filter: int = Field(0, ge=0, description="The layer's filter, counted from 0.")
    steps: int = Field(30, ge=1, le=100_000, description="Steps: forward and backward passes.")
    learning_rate: float = Field(0.1, gt=0, le=1000, description="Of the optimiser (Adam).")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One optimisation."""
        optimiser = Optimiser("adam", self.learning_rate, weight_decay=1e-6)
        return (Optimise(self.steps, Pixels(), optimiser),)

    def in_image_space(self, layer: str | None) -> bool:
        """True: it is an image."""
        return True

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        assert context.layer is not None
        problem = Problem(f"filter {self.filter}", Channel(context.layer, self.filter))
        return Draft(lambda: [problem])
