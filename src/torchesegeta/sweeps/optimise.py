"""`Optimise`: pictures are changed, step by step, so that an objective rises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.exposures import Exposure
from torchesegeta.optimisation.objectives import Objective
from torchesegeta.optimisation.parameterisations import Parameterisation, Pixels
from torchesegeta.optimisation.transforms import Transform
from torchesegeta.sweeps.base import NEEDS_SCORE, Points, Read, Sweep


@dataclass(frozen=True)
class Patience:
    """When to stop before the last step.

    Attributes:
        steps: So many steps in a row
        gain: bring no picture further by more than this share of the best value so far.
    """

    steps: int = 50
    gain: float = 1e-3


@dataclass(frozen=True)
class Optimise(Sweep):
    """`steps` forward and backward passes for every picture; what is pictured, the readouts say.

    Attributes:
        steps: At most.
        parameterisation: What is changed.
        optimiser: How.
        transforms: Random changes before the model sees the pictures, drawn anew at each step.
        exposure: How the model is shown the pictures; None: as they are.
        keep: The `last` pictures or, of each, the `best` so far; where transforms make the objective waver, the last.
        patience: When to stop early; None: never.
        tile: Voxels along each axis of the parts that pictures are run in, one after the other; None: whole.
        pictures: How many a place is expected to make, for plans; one with fewer steps counts for less.
    """

    steps: int = 100
    parameterisation: Parameterisation = field(default_factory=Pixels)
    optimiser: Optimiser = field(default_factory=Optimiser)
    transforms: tuple[Transform, ...] = ()
    exposure: Exposure | None = None
    keep: Literal["last", "best"] = "last"
    patience: Patience | None = None
    tile: int | None = None
    pictures: float = 1

    @property
    def count(self) -> int:
        """The number of steps."""
        return self.steps

    @property
    def room(self) -> int:
        """Twice: larger batches are faster while freed memory is kept."""
        return 2

    @property
    def views(self) -> int:
        """Inputs of the model that a picture makes."""
        return 1 if self.exposure is None else self.exposure.views

    @property
    def needs_ends(self) -> bool:
        """Where pictures may show nothing of the image: whether they do is then compared."""
        return self.exposure is not None and self.exposure.has_empty

    def ends(self, image: Tensor, key: str) -> list[Tensor]:
        """What the model is shown where a picture shows nothing of the image."""
        return [self.exposure.empty(image)] if self.exposure is not None and self.exposure.has_empty else []

    def points(self, image: Tensor, key: str) -> Pictured:
        """See `Sweep.points`: what its problems share."""
        same = replace(self, steps=0, patience=None, tile=None, pictures=1)
        return Pictured(image, f"{key}|{same!r}")

    def passes(self, targets: int, reads: Sequence[Read], count: int | None = None) -> dict[str, int]:
        """See `Sweep.passes`: of every picture, with a look at it when it is done, and of both ends."""
        steps = self.steps if count is None else count
        places = sum(targets if read & NEEDS_SCORE else 1 for read in reads)
        pictures = self.views * self.pictures * places
        ends = 2 if self.needs_ends else 0
        return {"forward": round(pictures * (steps + 1)) + ends, "backward": round(pictures * steps)}


class Pictured(Points):
    """The image that pictures are made for, and the key of their draws."""

    def __init__(self, image: Tensor, key: str) -> None:
        self.image, self.key = image, key
        self.weights = torch.ones(1, device=image.device, dtype=image.dtype)

    def at(self, indices: range) -> Tensor:
        """The image."""
        return self.image[None]


def steps_in(share: float, whole: int) -> int:
    """How many steps a share of all is: at least one, but none where it is 0."""
    return max(1, round(share * whole)) if share else 0


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be pictured.

    Attributes:
        name: Tells the problems of a readout apart; draws depend on it.
        objective: What its pictures are changed to raise.
        pictures: How many, each with a start of its own.
        shape: (C, *spatial) of a picture; None: the image's.
        start: (pictures, C, *spatial), where they start; None: the parameterisation decides.
        share: Of the sweep's steps, how many are made at most; 0: the start is only looked at.
        further: The time that problems which start from its result should have, as a multiple of its own.
    """

    name: str
    objective: Objective
    pictures: int = 1
    shape: tuple[int, ...] | None = None
    start: Tensor | None = None
    share: float = 1.0
    further: float = 0.0

    def steps(self, whole: int) -> int:
        """How many it may make of a sweep's."""
        return steps_in(self.share, whole)


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a problem.

    Attributes:
        problem: Which.
        pictures: (pictures, C, *spatial), as the parameterisation renders them.
        before: (pictures,), the objective at the start, without transforms.
        reached: (pictures,), the objective at the end, without transforms.
        scores: (pictures · views,), the target's score at the end, where the objective reads it.
        steps: How many were made.
        stopped: Whether the deadline came before the end.
    """

    problem: Problem
    pictures: Tensor
    before: Tensor
    reached: Tensor
    scores: Tensor | None
    steps: int
    stopped: bool


class FlatError(IncompatibleError):
    """An objective had no slope at any step."""

    def __init__(self) -> None:
        super().__init__("the objective does not change with the picture: it has no slope at any step")


@dataclass(frozen=True, eq=False)
class Missed:
    """A problem without a result.

    Attributes:
        problem: Which.
        error: Why; a `TimeoutError` where the deadline came before its first step.
    """

    problem: Problem
    error: Exception


@runtime_checkable
class Draftsman(Protocol):
    """What a readout of an `Optimise` sweep is besides: it has problems solved, and takes no samples."""

    def problems(self) -> Sequence[Problem]:
        """What is to be solved next; asked again once all of it is solved, until there is nothing."""

    def take(self, result: Result | Missed) -> None:
        """One problem's result, or why there is none."""
