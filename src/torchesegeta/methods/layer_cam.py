"""LayerCAM: Σ_c relu(g) · a (Jiang et al. 2021)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.methods.cam import Cam
from torchesegeta.methods.registry import register


@register("layer_cam")
class LayerCam(Cam):
    """Activations weighed voxel by voxel with their positive gradients; sharp also at shallow layers."""

    title = "LayerCAM"
    source = "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c relu(g) · a."""
        return (g.relu() * a).sum(1, keepdim=True)
