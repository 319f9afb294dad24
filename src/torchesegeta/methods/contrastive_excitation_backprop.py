"""Contrastive excitation backpropagation (Zhang et al. 2016, arXiv:1608.00507)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, model_validator
from torch import Tensor

from torchesegeta.methods.base import Context
from torchesegeta.methods.excitation_method import ExcitationMethod
from torchesegeta.methods.readouts import input_gradient, layer_gradient, need, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Read, Readout, Sample


@register("contrastive_excitation_backprop")
class ContrastiveExcitationBackprop(ExcitationMethod):
    """What excites the target more than its opposite, the same unit with negated weights.

    At the contrast layer the winners for the target and for its opposite are compared; what is left of the target's
    goes on. What speaks for everything alike, such as edges, falls out.
    """

    title = "Contrastive excitation backpropagation"
    source = "Zhang et al. 2016, arXiv:1608.00507"
    quantity = "contrastive probability of winning"

    contrast_layer: str | None = Field(
        None, description="Where target and opposite are compared; without: at the layer whose map is made."
    )
    normalise: bool = Field(
        True,
        description="Scale both to a sum of 1 before they are compared and go on with the positive part, as published; "
        "else their difference goes on, and the positive part of the map is kept, as TorchRay has it.",
    )

    @model_validator(mode="after")
    def _contrast_somewhere(self) -> ContrastiveExcitationBackprop:
        if self.layers == () and self.contrast_layer is None:
            raise ValueError("a map of the image needs a contrast_layer")
        return self

    def reads_at(self, layer: str | None) -> Read:
        """The contrast's share at the place."""
        return Read.CONTRAST | (Read.SEEDED_GRADIENT if layer is None else Read.SEEDED_LAYER_GRADIENT)

    def seed_layer(self, place: str | None) -> str | None:
        """The contrast layer."""
        return self.contrast_layer or place

    @property
    def seed_count(self) -> int:
        """Mass has no sign: a difference goes on in two parts."""
        return 1 if self.normalise else 2

    @property
    def seeds_shares(self) -> bool:
        """Both are compared as shares of their own mass."""
        return self.normalise

    def seeds(self, sample: Sample) -> Sequence[tuple[float, Tensor]]:
        """What the target's winners have more than its opposite's."""
        mine, other = need(sample.gradient), need(sample.opposite)
        if self.normalise:
            all_mine, all_other = sample.masses or (None, None)
            return [(1, (_share(mine, all_mine) - _share(other, all_other)).clamp(min=0))]
        difference = mine - other
        return [(1, difference.clamp(min=0)), (-1, -difference.clamp(max=0))]

    def readout(self, context: Context) -> Readout:
        """(1, *spatial) or (1, *layer): the sum over channels."""
        read = input_gradient if context.layer is None else layer_gradient
        return single(lambda sample: read(sample).sum(1, keepdim=True).clamp(min=0))


def _share(mass: Tensor, whole: float | None) -> Tensor:
    """Mass (B, *layer) as a share of the whole layer's; None: its own sum."""
    total = mass.flatten(1).sum(1) if whole is None else mass.new_full((len(mass),), whole)
    total = total.view(-1, *[1] * (mass.ndim - 1))
    return mass / total.where(total > 0, 1)
