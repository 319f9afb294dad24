"""Layer gradient × activation: a · ∂score/∂a (Ancona et al. 2018, arXiv:1711.06104)."""

from __future__ import annotations

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.readouts import BOTH, activation, layer_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Readout, Sweep


@register("layer_gradient_x_activation")
class LayerGradientXActivation(LayerMethod):
    """Each unit's activation times the score's gradient there."""

    title = "Layer gradient × activation"
    family = "Layer"
    source = "Ancona et al. 2018, arXiv:1711.06104"
    quantity = "a · ∂score/∂a"
    reads = BOTH

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """The layer's shape."""
        return single(lambda sample: activation(sample) * layer_gradient(sample))
