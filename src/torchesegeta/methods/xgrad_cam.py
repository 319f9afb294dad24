"""XGrad-CAM: axiom-based Grad-CAM (Fu et al. 2020, arXiv:2008.02312)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.cam import Cam, over_space
from torchesegeta.methods.registry import register

EPSILON = 1e-7
"""Keeps silent channels finite, as the paper's authors do."""


@register("xgrad_cam")
class XGradCam(Cam):
    """Grad-CAM with gradients weighed by each channel's normalised activation."""

    title = "XGrad-CAM"
    source = "Fu et al. 2020, arXiv:2008.02312"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c w_c · a_c, w = Σ(g · a) / Σ a."""
        space = over_space(a)
        weights = (g * a).sum(space, keepdim=True) / (a.sum(space, keepdim=True) + EPSILON)
        return (weights * a).sum(1, keepdim=True)
