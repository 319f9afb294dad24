"""Layer conductance: ∫ ∂score/∂a · da/dα (Dhamdhere et al. 2018, arXiv:1805.12233)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.path_method import PathMethod, share_of_change
from torchesegeta.methods.readouts import WeightedSum, layer_gradient, need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Read, Readout, Sample


def _flow(sample: Sample) -> Tensor:
    return layer_gradient(sample) * need(sample.change)


@register("layer_conductance")
class LayerConductance(PathMethod, LayerMethod):
    """How much of the score's change flows through each unit of a layer.

    At each point of the path the gradient meets the activation's change over the stretch of the path that the point
    stands for. The stretches join, so the sum over a layer that everything passes through is the score's change.
    """

    title = "Layer conductance"
    family = "Path"
    source = "Dhamdhere et al. 2018, arXiv:1805.12233"
    quantity = "share of the score"
    reads = Read.LAYER_GRADIENT | Read.CHANGE

    def readout(self, context: Context) -> Readout:
        """The layer's shape."""
        return WeightedSum(_flow, weighted=False)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """The share of the score's change that passes through the layer: 1 where nothing goes past it."""
        share = share_of_change(values, context)
        return {} if share is None else {"score_share": share}
