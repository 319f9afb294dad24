"""`Direction`: how far a layer's activation goes in a direction (Carter et al. 2019, distill.00015)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cosine_similarity

from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.places import Place, at_or_mean
from torchesegeta.optimisation.objectives.vectors import Vector, along_channels

LEAST_COSINE = 0.1
"""A smaller cosine counts as this one, so that an activation that points elsewhere still has a slope."""


@dataclass(frozen=True, eq=False)
class Direction(Objective):
    """activation · direction times their cosine to a power.

    Attributes:
        layer: The layer.
        vector: (channels,), the direction; its length scales the objective.
        place: Where, an index for each axis; None: the mean over all places.
        cosine_power: The larger, the more only the direction counts, not how strong the activation is.
    """

    layer: str
    vector: Vector
    place: Place | None = None
    cosine_power: float = 0.0

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        activation = seen.layer(self.layer)
        vector = along_channels(self.vector, activation, self.layer, "direction")
        dot = (activation * vector).sum(1)
        cosine = cosine_similarity(activation, vector, dim=1).clamp(min=LEAST_COSINE)
        return at_or_mean(dot * cosine**self.cosine_power, self.layer, self.place)
