"""Layer GradientSHAP: expected gradient times activation change at a layer (Lundberg & Lee 2017)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.gradient_shap import GradientShap
from torchesegeta.methods.readouts import Mean, layer_gradient, need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Read, Readout, Sample


def _share(sample: Sample) -> Tensor:
    return layer_gradient(sample) * need(sample.change)


@register("layer_gradient_shap")
class LayerGradientShap(GradientShap, LayerMethod):
    """Each unit's expected share of the score: gradients between baselines and noisy copies, times the change there."""

    title = "Layer GradientSHAP"
    reads = Read.LAYER_GRADIENT | Read.CHANGE

    def readout(self, context: Context) -> Readout:
        """The layer's shape."""
        return self.stopping(Mean(_share))
