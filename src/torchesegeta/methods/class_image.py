"""Class image: what the model takes for the target (Simonyan et al. 2013, arXiv:1312.6034)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.optimise_method import Draft, Share
from torchesegeta.methods.registry import register
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import Score
from torchesegeta.optimisation.parameterisations import Ranged
from torchesegeta.sweeps import Optimise, Problem, Read, Readout, Sweep


@register("class_image")
class ClassImage(Method):
    """An image, from noise, that raises the target's score: that of a class, or of the region that was bound.

    The L2 penalty of the paper draws it towards the image's mean, apart from the gradient, so that it means the same
    for scores of any size.
    """

    title = "Class image"
    family = "Feature visualisation"
    source = "Simonyan et al. 2013, arXiv:1312.6034"
    quantity = "image that raises the score"
    shows = "picture"
    reads = Read.SCORE
    of_model: ClassVar[bool] = True

    steps: int = Field(150, ge=1, le=100_000, description="Steps: forward and backward passes.")
    learning_rate: float = Field(
        0.02, gt=0, le=100, description="Of the optimiser (Adam), as a share of the image's range."
    )
    start: tuple[Share, Share] = Field(
        (0.4, 0.6), description="The noise that it starts from lies between these shares of the image's range."
    )
    decay: float = Field(
        1e-3, ge=0, lt=1, description="How far a step draws the picture towards the image's mean (L2 penalty); 0: not."
    )
    blur: float = Field(1.0, ge=0, le=100, description="Gaussian that smooths the picture, in voxels; 0: none.")
    blur_every: int = Field(4, ge=1, description="Steps from one smoothing to the next.")
    keep_in_range: bool = Field(True, description="Keep values within the image's range.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One optimisation."""
        painting = Ranged(*self.start, self.keep_in_range, self.decay, self.blur, self.blur_every)
        return (Optimise(self.steps, painting, Optimiser("adam", self.learning_rate)),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial) for each target."""
        return Draft(lambda: [Problem("score", Score())])
