"""`Cosine`: which way a layer's activation points, however strong it is."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cosine_similarity

from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.places import Place, at_or_mean
from torchesegeta.optimisation.objectives.vectors import Vector, along_channels


@dataclass(frozen=True, eq=False)
class Cosine(Objective):
    """Cosine of the angle between activation and direction, −1 … 1; 0 where the activation is 0.

    Attributes:
        layer: The layer.
        vector: (channels,), the direction.
        place: Where, an index for each axis; None: the mean over all places.
    """

    layer: str
    vector: Vector
    place: Place | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        activation = seen.layer(self.layer)
        vector = along_channels(self.vector, activation, self.layer, "direction")
        return at_or_mean(cosine_similarity(activation, vector, dim=1), self.layer, self.place)
