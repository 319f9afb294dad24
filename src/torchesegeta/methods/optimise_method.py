"""What methods that optimise pictures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.readouts import need
from torchesegeta.sweeps import Missed, Part, Problem, Result, Sample

Share = Annotated[float, Field(ge=0, le=1)]
"""Of the image's range: 0 its lowest value, 1 its highest."""

Parts = Callable[[Result], Sequence[Part]]


def whole(result: Result) -> list[Part]:
    """The problem's only picture, with what it reached."""
    return [Part(values=result.pictures[0], measures=reached(result), stopped=stopped(result))]


def reached(result: Result) -> dict[str, float]:
    """The objective at the start and at the end, and the steps that were made."""
    ends = {"objective_before": result.before, "objective_reached": result.reached}
    return {name: float(values.mean()) for name, values in ends.items()} | {"steps": float(result.steps)}


def stopped(result: Result) -> str | None:
    """What a deadline left undone."""
    return f"the deadline came after {result.steps} steps" if result.stopped else None


@dataclass
class Draft:
    """A readout whose problems are known beforehand.

    Attributes:
        wanted: Makes the problems, once earlier sweeps are done.
        parts: The maps of a problem's result.
        name: What a missing picture is called, from its problem; None: as the target.
    """

    wanted: Callable[[], Sequence[Problem]]
    parts: Parts = whole
    name: Callable[[Problem], tuple[str | None, int | None]] = lambda problem: (None, None)
    asked: bool = False
    made: list[Part] = field(default_factory=list)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""

    def problems(self) -> Sequence[Problem]:
        """See `Draftsman.problems`."""
        if self.asked:
            return ()
        self.asked = True
        return self.wanted()

    def take(self, result: Result | Missed) -> None:
        """See `Draftsman.take`."""
        name, index = self.name(result.problem)
        parts = [Part(error=result.error)] if isinstance(result, Missed) else self.parts(result)
        for part in parts:
            part.name, part.index = part.name or name, index if part.index is None else part.index
            self.made.append(part)

    def several(self) -> Sequence[Part]:
        """See `Several.several`."""
        return self.made

    def finish(self) -> Tensor:
        """The first picture."""
        return need(self.made[0].values)
