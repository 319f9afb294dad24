"""Layer activation: what a layer puts out (Karpathy et al. 2015)."""

from __future__ import annotations

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.readouts import activation, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Read, Readout, Sweep


@register("layer_activation")
class LayerActivation(LayerMethod):
    """The activation of a layer; the same for every target."""

    title = "Layer activation"
    family = "Layer"
    source = "Karpathy et al. 2015, Stanford CS231n"
    quantity = "activation"
    reads = Read.ACTIVATION

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass, no further than the deepest layer."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """The layer's shape."""
        return single(activation)
