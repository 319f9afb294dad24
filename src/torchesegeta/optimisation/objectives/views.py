"""`OverViews`: what is read of each of a picture's views, in one number."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen


@dataclass(frozen=True)
class OverViews(Objective):
    """The weighted sum of an objective over the views that an exposure makes of a picture.

    Attributes:
        inner: Read of every view.
        weights: Of the views.
    """

    inner: Objective
    weights: tuple[float, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of the inner objective."""
        return self.inner.layers

    @property
    def reads_score(self) -> bool:
        """Whether the inner objective does."""
        return self.inner.reads_score

    @property
    def reads_rival(self) -> bool:
        """Whether the inner objective does."""
        return self.inner.reads_rival

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        values = self.inner.value(seen).view(-1, len(self.weights))
        return values @ values.new_tensor(self.weights)
