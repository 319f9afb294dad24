"""`InUnits`: another objective, of the pictures in other units."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen


@dataclass(frozen=True, eq=False)
class InUnits(Objective):
    """What an objective says of (picture − zero) / one; what it reads of the model stays as it is.

    Attributes:
        objective: Which.
        zero: The value that becomes 0, (C, 1, …).
        one: How far above it lies what becomes 1, (C, 1, …).
    """

    objective: Objective
    zero: Tensor
    one: Tensor

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of the objective."""
        return self.objective.layers

    @property
    def reads_score(self) -> bool:
        """Whether the objective does."""
        return self.objective.reads_score

    @property
    def reads_rival(self) -> bool:
        """Whether the objective does."""
        return self.objective.reads_rival

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return self.objective.value(_Rescaled(seen, self.zero, self.one))


@dataclass(frozen=True, eq=False)
class _Rescaled:
    """See `Seen`."""

    seen: Seen
    zero: Tensor
    one: Tensor

    @property
    def pictures(self) -> Tensor:
        """See `Seen.pictures`."""
        return (self.seen.pictures - self.zero) / self.one

    @property
    def step(self) -> int:
        """See `Seen.step`."""
        return self.seen.step

    def layer(self, name: str) -> Tensor:
        """See `Seen.layer`."""
        return self.seen.layer(name)

    def score(self) -> Tensor:
        """See `Seen.score`."""
        return self.seen.score()

    def rival(self) -> Tensor:
        """See `Seen.rival`."""
        return self.seen.rival()
