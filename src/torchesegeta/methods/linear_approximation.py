"""Linear approximation: Σ_c g · a at a layer (Kindermans et al. 2016, arXiv:1611.07270; TorchRay)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.readouts import BOTH, activation, layer_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Readout, Sample, Sweep


def _sum_over_channels(sample: Sample) -> Tensor:
    return (layer_gradient(sample) * activation(sample)).sum(1, keepdim=True)


@register("linear_approximation")
class LinearApproximation(LayerMethod):
    """The score's linear approximation at a layer: gradient times activation, summed over channels."""

    title = "Linear approximation"
    family = "Layer"
    source = "Kindermans et al. 2016, arXiv:1611.07270; as run by Fong et al. 2019 (TorchRay)"
    quantity = "Σ a · ∂score/∂a"
    reads = BOTH

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """(1, *layer)."""
        return single(_sum_over_channels)
