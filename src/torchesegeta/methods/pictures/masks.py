"""What comes of masks that are optimised for several areas: one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from torchesegeta.methods.readouts import need
from torchesegeta.optimisation.exposures import Variant
from torchesegeta.optimisation.parameterisations import Grid
from torchesegeta.sweeps import Missed, Part, Problem, Result, Sample

SCORES: dict[Variant, tuple[str, ...]] = {
    "preserve": ("score_at_area",),
    "delete": ("score_without_area",),
    "dual": ("score_at_area", "score_without_area"),
}
"""What is measured of the final masks' views."""


@dataclass
class Masks:
    """A readout that has a mask (1, *spatial) made for each area; the map is the mean of those that were made.

    Attributes:
        wanted: A problem for each area, a share of the image; the largest first.
        nested: Whether each mask starts from that of the next larger area.
        variant: What is shown through a mask.
        grid: What masks are made of.
        ends: Scores of the image and of the hidden image.
    """

    wanted: dict[float, Problem]
    nested: bool
    variant: Variant
    grid: Grid
    ends: dict[str, float]
    asked: int = 0
    made: dict[float, Result] = field(default_factory=dict)
    missed: dict[float, Exception] = field(default_factory=dict)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""

    def problems(self) -> Sequence[Problem]:
        """See `Draftsman.problems`."""
        first, self.asked = self.asked, self.asked + 1 if self.nested else len(self.wanted)
        asked = list(self.wanted.values())[first : self.asked]
        last = next(reversed(self.made.values()), None)
        return [problem if last is None else replace(problem, start=last.pictures) for problem in asked]

    def take(self, result: Result | Missed) -> None:
        """See `Draftsman.take`."""
        area = next(area for area, problem in self.wanted.items() if problem.name == result.problem.name)
        if isinstance(result, Missed):
            self.missed[area] = result.error
        else:
            self.made[area] = result

    def several(self) -> Sequence[Part]:
        """See `Several.several`: one map."""
        for error in self.missed.values():
            if not self.made or not isinstance(error, TimeoutError):
                return [Part(error=error)]
        return [
            Part(
                values=self.finish(),
                stopped=self._stopped(),
                measures=self._measures(),
                arrays={f"mask {area:g}": self._mask(area) for area in self._done},
            )
        ]

    def finish(self) -> Tensor:
        """The mean of the masks."""
        return torch.stack([self._mask(area) for area in self._done]).mean(0)

    @property
    def _done(self) -> list[float]:
        """Areas that have a mask, the smallest first."""
        return sorted(self.made)

    def _mask(self, area: float) -> Tensor:
        return self.grid.inner(self.made[area].pictures)[0].clamp(0, 1)

    def _stopped(self) -> str | None:
        parts = [f"after {self.made[a].steps} steps for area {a:g}" for a in self._done if self.made[a].stopped]
        parts += [f"before the first step for area {area:g}" for area in self.missed]
        return f"the deadline came {', '.join(parts)}" if parts else None

    def _measures(self) -> dict[str, float]:
        found = dict(self.ends)
        for area in self._done:
            scores = need(self.made[area].scores)
            for name, score in zip(SCORES[self.variant], scores.tolist(), strict=True):
                found[f"{name}_{area:g}"] = score
            found[f"covered_at_area_{area:g}"] = float(self._mask(area).mean())
        return found
