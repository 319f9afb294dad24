"""Extremal perturbation: the smooth mask of a given area that keeps the score highest (arXiv:1910.08485).

The published code mirrors the image at every other step; here it never is, for a score that is bound to a region would
then be read at another place. There every area's mask starts anew (`nested=False`); here each goes on from that of the
next larger area, which takes fewer steps and reaches as much (docs/pictures.md).
"""

from __future__ import annotations

from math import inf, prod
from typing import Annotated, Literal

from pydantic import Field, field_validator

from torchesegeta.baselines import ZERO, BaselineField, baseline_warning
from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.pictures.masks import Masks
from torchesegeta.methods.registry import register
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.exposures import Blend, Blurred, Border, Fade, Variant, Veil
from torchesegeta.optimisation.objectives import Area, Objective, OverViews, Rival, Score
from torchesegeta.optimisation.parameterisations import Grid, SmoothMasks
from torchesegeta.sweeps import Optimise, Problem, Read, Readout, Sweep, steps_in

VIEWS: dict[Variant, tuple[float, ...]] = {"preserve": (1.0,), "delete": (-1.0,), "dual": (1.0, -1.0)}
"""How the scores of what is shown count."""

GROWTH = 16.0
"""Of the area's weight over all steps, where no growth is given."""

REFINING = 0.25
"""Share of the steps that a mask takes which starts from that of the next larger area."""

LOOSE = 1.5
"""A mask that covers so many times its area has not kept it."""

Share = Annotated[float, Field(gt=0, lt=1)]
Range = Annotated[float, Field(gt=0)]


@register("extremal_perturbation")
class ExtremalPerturbation(Method):
    """Smooth masks of given areas, optimised so that what they cover keeps the score; their mean is the map."""

    title = "Extremal perturbation"
    family = "Mask"
    source = "Fong, Patrick & Vedaldi 2019, arXiv:1910.08485"
    quantity = "mean mask over the areas"
    reads = Read.SCORE

    areas: tuple[Share, ...] = Field(
        (0.05, 0.1, 0.2), min_length=1, description="Shares of the image that masks cover; one mask each."
    )
    steps: int = Field(
        800, ge=1, le=100_000, description="Steps of a mask that starts anew: forward and backward passes."
    )
    nested: bool = Field(
        True,
        description="Only the largest area takes all steps; each smaller one starts from the mask of the next larger "
        "and takes a quarter. Else every mask starts anew, as published.",
    )
    variant: Variant = Field(
        "preserve",
        description="Masks whose inside keeps the score (preserve), whose removal costs it (delete), or both (dual).",
    )
    perturbation: Literal["blur", "fade"] = Field(
        "blur", description="What hides the image: stronger and stronger blur, or a fade to the baseline."
    )
    levels: int = Field(8, ge=2, le=64, description="Of blur: copies of the image, from sharp to the strongest blur.")
    max_blur: float = Field(20.0, gt=0, le=1000, description="Standard deviation of the strongest blur, in voxels.")
    border: Border = Field(
        "repeat",
        description="What blur takes to lie beyond the border: the outermost voxels, or zero (as the published code).",
    )
    baseline: BaselineField = Field(ZERO, description="What the image fades to: a value, a name or an image.")
    reward: Literal["simple", "contrastive"] = Field(
        "simple", description="The score, or the score less the best one of any other class (targets of kind 'class')."
    )
    score_range: tuple[Range, Range] | None = Field(
        (10.0, 100.0),
        description="Lowest and highest change of the score, from the hidden image to the image, that holds out "
        "against the area; what changes less or more is scaled to it. null: never scaled (published, for logits).",
    )
    area_weight: float = Field(300.0, gt=0, le=1e6, description="Weight of a mask's area at the first step.")
    area_growth: float | None = Field(
        None,
        ge=1,
        le=10,
        description="By which the area's weight grows from step to step; without: 16-fold over the steps (published: "
        "1.0035, that is 16-fold over 800).",
    )
    cell: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Voxels between the mask's cells; without: the image's mean size / 32 in 2D, / 24 in 3D.",
    )
    sigma: float | None = Field(
        None, gt=0, le=1024, description="Radius of a cell's influence, in voxels; without: three cells."
    )
    margin: bool = Field(
        False,
        description="Take areas as shares of the mask with its margin beyond the image's border, as the published code "
        "does: masks then cover more of the image than 'areas' say.",
    )
    learning_rate: float = Field(0.01, gt=0, le=1000, description="Of the optimiser (SGD).")

    @property
    def signed(self) -> bool:
        """False: masks lie between 0 and 1."""
        return False

    @field_validator("areas")
    @classmethod
    def _each_once(cls, areas: tuple[float, ...]) -> tuple[float, ...]:
        for area in areas:
            if areas.count(area) > 1:
                raise ValueError(f"the area {area:g} stands {areas.count(area)} times")
        return areas

    @field_validator("score_range")
    @classmethod
    def _in_order(cls, limits: tuple[float, float] | None) -> tuple[float, float] | None:
        if limits is not None and limits[0] > limits[1]:
            raise ValueError(f"the lowest change, {limits[0]:g}, is above the highest, {limits[1]:g}")
        return limits

    def sweeps(self) -> tuple[Sweep, ...]:
        """One optimisation, with a mask for each area."""
        optimiser = Optimiser("sgd", self.learning_rate, momentum=0.9, dampening=0.9)
        following = len(self.areas) - 1
        effort = 1 + following * (self._steps(following) / self.steps)
        return (Optimise(self.steps, self._masks, optimiser, exposure=self._exposure, pictures=effort),)

    def _steps(self, rank: int) -> int:
        """Those of the area that so many larger ones come before."""
        return steps_in(self._share(rank), self.steps)

    def _share(self, rank: int) -> float:
        return REFINING if self.nested and rank else 1.0

    @property
    def _masks(self) -> SmoothMasks:
        return SmoothMasks(self.cell, self.sigma)

    @property
    def _exposure(self) -> Blend:
        fade = self.perturbation == "fade"
        veil: Veil = Fade(self.baseline) if fade else Blurred(self.levels, self.max_blur, self.border)
        return Blend(veil, self.variant, self._masks)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), from 0 to 1."""
        grid = self._masks.grid(context.shape)
        reward, shape = self._reward(context), (1, *grid.shape)
        areas = sorted(self.areas, reverse=True)
        problems = {}
        for rank, area in enumerate(areas):
            steps, share = self._steps(rank), self._share(rank)
            further = (len(areas) - rank - 1) * self._steps(rank + 1) / steps if self.nested else 0.0
            objective = reward + self._area(area, grid, steps)
            problems[area] = Problem(f"area {area:g}", objective, shape=shape, share=share, further=further)
        return Masks(problems, self.nested, self.variant, grid, _ends(context))

    def _area(self, share: float, grid: Grid, steps: int) -> Objective:
        share *= 1.0 if self.margin else prod(grid.spatial) / prod(grid.shape)
        return Area(share, self.area_weight, self.area_growth or GROWTH ** (1 / steps))

    def _reward(self, context: Context) -> Objective:
        score: Objective = Score() - Rival() if self.reward == "contrastive" else Score()
        change = abs(context.score_change or 0.0)
        unit = 1.0
        if self.score_range is not None and change:
            lowest, highest = self.score_range
            unit = min(max(change, lowest), highest) / change
        return OverViews(score, tuple(unit * weight for weight in VIEWS[self.variant]))

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A baseline that is not the background; a target that does not suffer when the image is hidden."""
        said = [baseline_warning(self.baseline, context.image)] if self.perturbation == "fade" else []
        if measures.get("score_of_perturbed", -inf) >= measures.get("score_of_image", inf):
            said.append("the target scores no lower where all of the image is hidden: masks then say little")
        for area in self.areas:
            covered = measures.get(f"covered_at_area_{area:g}", 0.0)
            if covered > LOOSE * area:
                said.append(f"the mask for area {area:g} covers {covered:.2g}: more steps or more area_weight keep it")
        return [*filter(None, said)]


def _ends(context: Context) -> dict[str, float]:
    assert context.score is not None and context.score_change is not None
    return {"score_of_image": context.score, "score_of_perturbed": context.score - context.score_change}
