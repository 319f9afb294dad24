"""`Channel`: the mean activation of one channel of a layer (Olah et al. 2017, distill.00007)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.places import at_or_mean


@dataclass(frozen=True)
class Channel(Objective):
    """Mean over all places of a layer's channel; a unit of a layer without places is itself one."""

    layer: str
    channel: int

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return at_or_mean(pick(seen.layer(self.layer), self.layer, self.channel), self.layer, None)


def pick(activation: Tensor, layer: str, channel: int) -> Tensor:
    """A channel of an activation (m, channels, …): (m, …).

    Raises:
        IncompatibleError: There is no such channel.
    """
    if not 0 <= channel < activation.shape[1]:
        count = activation.shape[1]
        raise IncompatibleError(f"layer {layer!r} has {count} channels, 0 to {count - 1}; channel {channel} is none")
    return activation[:, channel]
