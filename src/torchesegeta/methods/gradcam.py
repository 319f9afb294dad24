"""Grad-CAM: relu(Σ_c mean(g)_c · a_c), resized to the image (Selvaraju et al. 2017, arXiv:1610.02391)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.cam import Cam
from torchesegeta.methods.layer_gradcam import gradcam_sum
from torchesegeta.methods.registry import register


@register("gradcam")
class GradCam(Cam):
    """A layer's channels, weighed by their mean gradient: the regions that speak for the target."""

    title = "Grad-CAM"
    source = "Selvaraju et al. 2017, arXiv:1610.02391"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c mean(g)_c · a_c."""
        return gradcam_sum(a, g)
