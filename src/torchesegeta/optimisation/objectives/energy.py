"""`Energy`: the mean square of a whole layer, which DeepDream raises (Mordvintsev et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen


@dataclass(frozen=True)
class Energy(Objective):
    """Mean over all channels and places of the activation squared: what is there already grows."""

    layer: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return seen.layer(self.layer).flatten(1).square().mean(1)
