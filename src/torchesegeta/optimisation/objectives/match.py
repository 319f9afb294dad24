"""`Match`: how near a layer's activation comes to a given one (Mahendran and Vedaldi 2014, arXiv:1412.0035)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen


@dataclass(frozen=True, eq=False)
class Match(Objective):
    """−‖a − a₀‖² / ‖a₀‖²: 0 where the activation is the given one, −1 where it is zero everywhere.

    Attributes:
        layer: Whose activation.
        representation: (*layer), a₀; not zero everywhere.
    """

    layer: str
    representation: Tensor

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        wanted = self.representation
        apart = (seen.layer(self.layer) - wanted).flatten(1).square().sum(1)
        return -apart / wanted.square().sum()
