"""`Score`: the target's score, the same that attribution methods explain; `Rival`: the best of other classes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen


@dataclass(frozen=True)
class Score(Objective):
    """The score of the problem's target: a logit, or a sum over the region that was bound for the image."""

    @property
    def reads_score(self) -> bool:
        """True."""
        return True

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return seen.score()


@dataclass(frozen=True)
class Rival(Objective):
    """The best score of any class other than the target's."""

    @property
    def reads_rival(self) -> bool:
        """True."""
        return True

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return seen.rival()
