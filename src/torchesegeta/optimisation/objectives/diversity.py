"""`Diversity`: pictures of one problem that differ in style (Olah et al. 2017, distill.00007)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from torchesegeta.arrays import at_least_single
from torchesegeta.optimisation.objectives.base import Objective, Seen
from torchesegeta.optimisation.objectives.several import several


@dataclass(frozen=True)
class Diversity(Objective):
    """−mean cosine of a picture's Gram matrix with those of the problem's other pictures, −1 … 1.

    A Gram matrix, channels × channels, sums over places: it tells textures apart, not where they are. Its cosine is
    0 where an activation is 0 everywhere.
    """

    layer: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Its layer."""
        return (self.layer,)

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`.

        Raises:
            IncompatibleError: There is only one picture.
        """
        activation = several(seen.layer(self.layer), "diversity")
        channels = at_least_single(activation).flatten(2) if activation.ndim > 2 else activation[:, :, None]
        styles = normalize((channels @ channels.mT).flatten(1), dim=1)
        cosines = styles @ styles.T
        return -(cosines.sum(1) - cosines.diagonal()) / (len(styles) - 1)
