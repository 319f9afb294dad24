"""The readout of a dream: octave after octave, with the image's own detail put back in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from torchesegeta.methods.pictures.likeness import likeness
from torchesegeta.methods.readouts import need
from torchesegeta.optimisation.objectives import Objective
from torchesegeta.optimisation.resize import resized
from torchesegeta.sweeps import Missed, Part, Problem, Result, Sample

LOOK = "image"
"""Name of the problem that only looks at the image."""


@dataclass
class Dream:
    """What is dreamt in an octave is carried over to the next as its difference from the image of that size.

    Attributes:
        image: (C, *spatial), where it starts.
        objective: What grows.
        sizes: Spatial shapes of the octaves, the last one the image's.
        name: Of what grows, or None.
        index: Its number, or None.
        made: What came of the octaves so far.
        before: The objective at the image, once known.
        missed: Why there are no further octaves.
    """

    image: Tensor
    objective: Objective
    sizes: Sequence[tuple[int, ...]]
    name: str | None = None
    index: int | None = None
    made: list[Result] = field(default_factory=list)
    before: float | None = None
    missed: Exception | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""

    def problems(self) -> Sequence[Problem]:
        """See `Draftsman.problems`."""
        if self.missed is not None or len(self.made) == len(self.sizes) or self._late:
            return ()
        if self.before is None:
            return [Problem(LOOK, self.objective, start=self.image[None], share=0)]
        base = self._base(self.sizes[len(self.made)])
        begun = base + self._dreamt(base) if self.made else base
        name = f"octave {len(self.made) + 1}"
        return [Problem(name, self.objective, shape=tuple(begun.shape[1:]), start=begun)]

    def take(self, result: Result | Missed) -> None:
        """See `Draftsman.take`."""
        if isinstance(result, Missed):
            self.missed = result.error
        elif result.problem.name == LOOK:
            self.before = float(result.reached)
        else:
            self.made.append(result)

    def several(self) -> Sequence[Part]:
        """See `Several.several`."""
        if not self.made or not (self.missed is None or isinstance(self.missed, TimeoutError)):
            return [Part(self.name, self.index, error=self.missed)]
        picture = self.made[-1].pictures[0] if self._whole else (self.image + self._dreamt(self.image[None])[0]).cpu()
        octaves = {result.problem.name: result.pictures[0] for result in self.made}
        measures = self._measures() | likeness(picture, self.image)
        return [Part(self.name, self.index, picture, stopped=self._stopped, measures=measures, arrays=octaves)]

    def finish(self) -> Tensor:
        """The picture."""
        return need(self.several()[0].values)

    def _base(self, size: tuple[int, ...]) -> Tensor:
        """The image in a size: (1, C, *size)."""
        return resized(self.image[None], size)

    def _dreamt(self, like: Tensor) -> Tensor:
        """What the last octave added to the image, in the size of (1, C, *spatial)."""
        last = self.made[-1].pictures.to(like)
        return resized(last - self._base(tuple(last.shape[2:])), like.shape[2:])

    @property
    def _late(self) -> bool:
        return bool(self.made) and self.made[-1].stopped

    @property
    def _whole(self) -> bool:
        """Whether the last octave was reached."""
        return len(self.made) == len(self.sizes)

    @property
    def _stopped(self) -> str | None:
        """What a deadline left undone."""
        if self._whole and not self._late:
            return None
        steps = sum(result.steps for result in self.made)
        number = len(self.made) + (not self._late)
        return f"the deadline came after {steps} steps, in octave {number} of {len(self.sizes)}"

    def _measures(self) -> dict[str, float]:
        """The objective at the image, and in the dream where its last octave was reached; and the steps."""
        ends = {} if self.before is None else {"objective_before": self.before}
        if self._whole:
            ends["objective_reached"] = float(self.made[-1].reached)
        return ends | {"steps": float(sum(result.steps for result in self.made))}
