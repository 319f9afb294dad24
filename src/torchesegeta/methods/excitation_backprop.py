"""Excitation backpropagation (Zhang et al. 2016, arXiv:1608.00507)."""

from __future__ import annotations

from torchesegeta.methods.base import Context
from torchesegeta.methods.excitation_method import LARGE_LOSS, ExcitationMethod
from torchesegeta.methods.readouts import input_gradient, layer_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Read, Readout


@register("excitation_backprop")
class ExcitationBackprop(ExcitationMethod):
    """The probability that a unit is the winner, when each unit hands its share to those that excite it.

    It starts evenly spread over the target's region. The map adds up to 1, less what passes the layer by on a skip
    connection and what was lost at units that nothing excites.
    """

    title = "Excitation backpropagation"
    source = "Zhang et al. 2016, arXiv:1608.00507"
    quantity = "probability of winning"

    def reads_at(self, layer: str | None) -> Read:
        """The mass at the place."""
        return Read.INPUT_GRADIENT if layer is None else Read.LAYER_GRADIENT

    def readout(self, context: Context) -> Readout:
        """(C, *spatial), or the layer's shape."""
        return single(input_gradient if context.layer is None else layer_gradient)

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """Mass that did not arrive at the image."""
        mass = measures.get("mass", 1.0)
        if context.layer is not None or mass >= 1 - LARGE_LOSS:
            return []
        return [f"{1 - mass:.0%} of the probability was lost at units that nothing excites; 'lost': 'keep' shares it"]
