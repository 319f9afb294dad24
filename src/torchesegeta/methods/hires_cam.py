"""HiResCAM: Σ_c g · a (Draelos & Carin 2020, arXiv:2011.08891)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.cam import Cam
from torchesegeta.methods.registry import register


@register("hires_cam")
class HiResCam(Cam):
    """Grad-CAM without averaging: gradients weigh activations voxel by voxel."""

    title = "HiResCAM"
    source = "Draelos & Carin 2020, arXiv:2011.08891"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c g · a."""
        return (g * a).sum(1, keepdim=True)
