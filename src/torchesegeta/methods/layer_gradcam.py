"""Grad-CAM at the layer's own resolution: Σ_c mean(g)_c · a_c (Selvaraju et al. 2017, arXiv:1610.02391)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.cam import check_spatial, over_space
from torchesegeta.methods.readouts import BOTH, activation, layer_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Readout, Sample, Sweep


def gradcam_sum(a: Tensor, g: Tensor) -> Tensor:
    """Channels weighed by their mean gradient over all spatial axes: (B, 1, *layer)."""
    return (g.mean(over_space(g), keepdim=True) * a).sum(1, keepdim=True)


@register("layer_gradcam")
class LayerGradCam(LayerMethod):
    """Grad-CAM as the layer sees it: channels weighed by their mean gradient, summed, not resized."""

    title = "Layer Grad-CAM"
    family = "Class activation map"
    source = "Selvaraju et al. 2017, arXiv:1610.02391"
    quantity = "class activation"
    reads = BOTH

    relu: bool = Field(False, description="Keep only what speaks for the target.")

    @property
    def signed(self) -> bool:
        """Unless a ReLU is asked for."""
        return not self.relu

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """(1, *layer)."""

        def function(sample: Sample) -> Tensor:
            a = activation(sample)
            check_spatial(context.layer, a, context)
            cam = gradcam_sum(a, layer_gradient(sample))
            return cam.relu() if self.relu else cam

        return single(function)
