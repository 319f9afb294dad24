"""`Alignment`: pictures of one problem that follow on each other."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import pad

from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.several import several


@dataclass(frozen=True)
class Alignment(Objective):
    """−Σ over pairs of pictures, d numbers apart, of the mean square of their activations' difference, / decay^d.

    Each picture of a pair bears half of it.

    Attributes:
        layer: The layer.
        decay: How much less pictures further apart matter.
        reach: Pictures further apart than this many numbers do not matter.
    """

    layer: str
    decay: float = 2.0
    reach: int = 4

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`.

        Raises:
            IncompatibleError: There is only one picture.
        """
        flat = several(seen.layer(self.layer), "alignment").flatten(1)
        total = flat.new_zeros(len(flat))
        for apart in range(1, min(self.reach + 1, len(flat))):
            share = (flat[apart:] - flat[:-apart]).square().mean(1) / (2 * self.decay**apart)
            total = total - pad(share, (0, apart)) - pad(share, (apart, 0))
        return total
