"""Internal influence: ∫ ∂score/∂a along the path (Leino et al. 2018, arXiv:1802.03788)."""

from __future__ import annotations

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.path_method import PathMethod
from torchesegeta.methods.readouts import WeightedSum, layer_gradient
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Read, Readout


@register("internal_influence")
class InternalInfluence(PathMethod, LayerMethod):
    """The mean gradient of the score at each unit of a layer, from the baseline to the image."""

    title = "Internal influence"
    family = "Path"
    source = "Leino et al. 2018, arXiv:1802.03788"
    quantity = "mean ∂score/∂a"
    reads = Read.LAYER_GRADIENT

    def readout(self, context: Context) -> Readout:
        """The layer's shape."""
        return WeightedSum(layer_gradient)
