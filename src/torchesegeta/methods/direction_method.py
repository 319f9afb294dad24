"""What methods share that picture directions of a layer: each a small picture of its own, laid out side by side."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context
from torchesegeta.methods.picture_method import PictureMethod
from torchesegeta.methods.readouts import need
from torchesegeta.optimisation.objectives import Direction
from torchesegeta.sweeps import Missed, Optimise, Part, Problem, Read, Result, Sample

SIDES = {2: 64, 3: 32}
"""Voxels along each axis of a picture, by the number of axes."""


class DirectionMethod(PictureMethod):
    """A method that pictures directions of a layer."""

    reads = Read.ACTIVATION
    of_model: ClassVar[bool] = False

    cell_size: Annotated[int, Field(ge=1, le=4096)] | Literal["image"] | None = Field(
        None,
        description="Voxels along each axis of a picture, or `image`: as large as the image, which networks of a fixed "
        "input size need; without: 64 in 2D and 32 in 3D, or the image's where that is less.",
    )
    steps: int = Field(128, ge=1, le=100_000, description="Steps of each picture: forward and backward passes.")
    cosine_power: float = Field(
        2.0, ge=0, le=100, description="Power of the cosine in the objective: higher ones ask for that direction alone."
    )

    def drawing(self, pictures: int) -> Optimise:
        """The optimisation of so many pictures; Adam takes their gradients in any size, but not next to nothing."""
        sweep = self.optimise(pictures)
        return replace(sweep, optimiser=replace(sweep.optimiser, normalised=True))

    def cell_shape(self, context: Context) -> tuple[int, ...]:
        """Spatial shape of a picture."""
        if self.cell_size == "image":
            return context.shape
        if self.cell_size is not None:
            return (self.cell_size,) * len(context.shape)
        return tuple(min(SIDES.get(len(context.shape), 64), size) for size in context.shape)


@dataclass
class Pictured:
    """A readout that pictures directions of a layer, once the sweeps before have told them."""

    method: DirectionMethod
    context: Context
    asked: bool = False
    results: dict[int, Result] = field(default_factory=dict)
    missed: dict[int, Missed] = field(default_factory=dict)

    def start(self) -> None:
        """See `Readout.start`."""

    @abstractmethod
    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""

    @abstractmethod
    def directions(self) -> Tensor:
        """(n, channels), what is pictured; one that is 0 everywhere is not."""

    @abstractmethod
    def several(self) -> Sequence[Part]:
        """See `Several.several`."""

    def problems(self) -> Sequence[Problem]:
        """See `Draftsman.problems`."""
        if self.asked:
            return ()
        self.asked = True
        context, power = self.context, self.method.cosine_power
        assert context.layer is not None
        shape = (len(context.image), *self.method.cell_shape(context))
        return [
            Problem(str(number), Direction(context.layer, vector, cosine_power=power), shape=shape)
            for number, vector in enumerate(self.directions())
            if bool(vector.any())
        ]

    def take(self, result: Result | Missed) -> None:
        """See `Draftsman.take`."""
        number = int(result.problem.name)
        if isinstance(result, Missed):
            self.missed[number] = result
        else:
            self.results[number] = result

    def finish(self) -> Tensor:
        """The first picture."""
        return need(self.several()[0].values)

    def sheet(self, count: int) -> Tensor:
        """(count, C, *cell) on the CPU: the pictures by their numbers, the image's darkest where there is none.

        Raises:
            Exception: There is no picture at all; why the first is missing.
        """
        if not self.results:
            raise next(iter(self.missed.values())).error
        shape = next(iter(self.results.values())).pictures.shape[1:]
        sheet = self.dark.expand(count, *shape).clone()
        for number, result in self.results.items():
            sheet[number] = result.pictures[0]
        return sheet

    @property
    def dark(self) -> Tensor:
        """(C, 1, …): the smallest value of each of the image's channels."""
        image = self.context.image.detach().float().cpu()
        return image.flatten(1).amin(1).view(-1, *(1,) * (image.ndim - 1))

    @property
    def reached(self) -> dict[str, float]:
        """Means over all pictures: the objective at the start and at the end, and the steps made."""
        found = list(self.results.values())
        means = {
            "objective_before": [float(one.before[0]) for one in found],
            "objective_reached": [float(one.reached[0]) for one in found],
            "steps": [float(one.steps) for one in found],
        }
        return {name: sum(values) / len(values) for name, values in means.items()}

    @property
    def stopped(self) -> str | None:
        """What a deadline left undone."""
        late = sum(isinstance(one.error, TimeoutError) for one in self.missed.values())
        short = sum(one.stopped for one in self.results.values())
        if not late + short:
            return None
        asked = len(self.results) + len(self.missed)
        return f"the deadline came: of {asked} pictures {short} have fewer steps and {late} are missing"

    @property
    def lacks(self) -> list[str]:
        """Why pictures are missing, other than for a deadline."""
        why: dict[str, int] = {}
        for one in self.missed.values():
            if not isinstance(one.error, TimeoutError):
                why[str(one.error)] = why.get(str(one.error), 0) + 1
        return [f"{count} pictures are missing: {reason}" for reason, count in why.items()]


def mosaic(pictures: Tensor, grid: Sequence[int]) -> Tensor:
    """Pictures laid out side by side.

    Args:
        pictures: (n, C, *cell), the last axis of the grid first.
        grid: Pictures along each axis; n in all.

    Returns:
        (C, *spatial), `grid` times `cell` voxels.
    """
    channels, *cell = pictures.shape[1:]
    dims = len(cell)
    apart = pictures.reshape(*grid, channels, *cell)
    order = [dims, *(axis for a in range(dims) for axis in (a, dims + 1 + a))]
    return apart.permute(order).reshape(channels, *(n * size for n, size in zip(grid, cell, strict=True)))


def shrunk(picture: Tensor, share: float, background: Tensor) -> Tensor:
    """A picture of a share of its area or volume, in the middle of a background of the old size.

    Args:
        picture: (C, *cell).
        share: 0 to 1.
        background: Of the same shape.
    """
    cell = picture.shape[1:]
    side = share ** (1 / len(cell))
    size = [max(1, round(side * n)) for n in cell]
    starts = [(n - m) // 2 for n, m in zip(cell, size, strict=True)]
    result = background.clone()
    inside = (slice(None), *(slice(start, start + m) for start, m in zip(starts, size, strict=True)))
    result[inside] = functional.interpolate(picture[None], size, mode="area")[0]
    return result


def check_excited(excited: bool, layer: str | None) -> None:
    """Refuse a layer that puts out nothing but 0.

    Raises:
        IncompatibleError: It does.
    """
    if not excited:
        raise IncompatibleError(f"layer {layer!r} puts out nothing but 0: it has no direction to picture")
