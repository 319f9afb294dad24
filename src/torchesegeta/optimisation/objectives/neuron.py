"""`Neuron`: one place of one channel of a layer (Olah et al. 2017, distill.00007)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.channel import pick
from torchesegeta.optimisation.objectives.places import Place, at, centre


@dataclass(frozen=True)
class Neuron(Objective):
    """The activation of a channel at a place; a unit of a layer without places is itself one.

    Attributes:
        layer: The layer.
        channel: Number of its channel, from 0.
        place: Where, an index for each axis; None: the centre, index size // 2 along each.
    """

    layer: str
    channel: int
    place: Place | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        values = pick(seen.layer(self.layer), self.layer, self.channel)
        return at(values, self.layer, centre(values.shape[1:]) if self.place is None else self.place)
