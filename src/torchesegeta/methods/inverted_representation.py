"""Inverted representation: what a layer still knows of the image (Mahendran and Vedaldi 2014, arXiv:1412.0035)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.optimise_method import Share, reached, stopped
from torchesegeta.methods.pictures.likeness import likeness
from torchesegeta.methods.readouts import need
from torchesegeta.methods.registry import register
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import AlphaNorm, InUnits, Match, Objective, TotalVariation
from torchesegeta.optimisation.parameterisations import Ranged, value_range
from torchesegeta.sweeps import Gradient, Missed, Optimise, Part, Problem, Read, Readout, Result, Sample, Sweep


@register("inverted_representation")
class InvertedRepresentation(LayerMethod):
    """An image, from noise, that a layer cannot tell from the given one; what it lacks, the layer does not know.

    Of all images with this representation, two priors choose: the alpha norm holds values within the image's range, the
    total variation keeps it smooth.
    """

    title = "Inverted representation"
    family = "Feature visualisation"
    source = "Mahendran and Vedaldi 2014, arXiv:1412.0035"
    quantity = "what the layer still knows of the image"
    shows = "picture"
    reads = Read.ACTIVATION

    steps: int = Field(200, ge=1, le=100_000, description="Steps: forward and backward passes.")
    learning_rate: float = Field(
        0.02, gt=0, le=100, description="Of the optimiser (Adam), as a share of the image's range."
    )
    alpha: float = Field(6.0, ge=1, le=20, description="Exponent of the alpha norm.")
    alpha_weight: float = Field(
        1e-3,
        ge=0,
        le=1e6,
        description="Weight of the alpha norm: the mean of values, by the power of alpha, in a range from −1 to 1.",
    )
    beta: float = Field(2.0, ge=1, le=4, description="Exponent of the total variation.")
    smoothness: float = Field(
        0.1,
        ge=0,
        description="Weight of the total variation: mean (squared steps)^(beta/2), in the same units.",
    )
    start: tuple[Share, Share] = Field(
        (0.45, 0.55), description="The noise that it starts from lies between these shares of the image's range."
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """The representation, then one optimisation."""
        painting = Ranged(*self.start, clipped=False)
        return Gradient(), Optimise(self.steps, painting, Optimiser("adam", self.learning_rate), keep="best")

    def in_image_space(self, layer: str | None) -> bool:
        """True: it is an image."""
        return True

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        assert context.layer is not None
        return _Inversion(context.layer, context.image, self._priors(context.image))

    def _priors(self, image: Tensor) -> Objective:
        lowest, width = value_range(image)
        priors = self.alpha_weight * AlphaNorm(self.alpha) + self.smoothness * TotalVariation(self.beta)
        return InUnits(priors, lowest + width / 2, width / 2)


@dataclass
class _Inversion:
    """Asks for the picture, then for a look at how far its representation is from the image's."""

    layer: str
    image: Tensor
    priors: Objective
    match: Match | None = None
    found: Result | None = None
    look: Result | None = None
    error: Exception | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        representation = need(sample.activation)[0]
        if not bool(representation.any()):
            raise IncompatibleError(f"layer {self.layer!r} is zero everywhere for this image: it tells nothing of it")
        self.match = Match(self.layer, representation)

    def problems(self) -> Sequence[Problem]:
        """See `Draftsman.problems`."""
        if self.match is None or self.error is not None or self.look is not None:
            return ()
        if self.found is None:
            return [Problem("image", self.match + self.priors)]
        return [Problem("distance", self.match, start=self.found.pictures, share=0)]

    def take(self, result: Result | Missed) -> None:
        """See `Draftsman.take`."""
        if isinstance(result, Missed):
            self.error = result.error
        elif self.found is None:
            self.found = result
        else:
            self.look = result

    def several(self) -> Sequence[Part]:
        """See `Several.several`."""
        if self.found is None:
            return [Part(error=self.error)]
        distance = {} if self.look is None else {"relative_distance": max(0.0, -float(self.look.reached)) ** 0.5}
        picture = self.found.pictures[0]
        measures = reached(self.found) | distance | likeness(picture, self.image)
        return [Part(values=picture, measures=measures, stopped=stopped(self.found))]

    def finish(self) -> Tensor:
        """The picture."""
        return need(self.several()[0].values)
