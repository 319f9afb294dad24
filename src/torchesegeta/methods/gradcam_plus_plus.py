"""Grad-CAM++: pixel-wise weighted Grad-CAM (Chattopadhay et al. 2018, arXiv:1710.11063)."""

from __future__ import annotations

import torch
from torch import Tensor

from torchesegeta.methods.cam import Cam, over_space
from torchesegeta.methods.registry import register


@register("gradcam_plus_plus")
class GradCamPlusPlus(Cam):
    """Grad-CAM with weights that count several instances of the target.

    The weights are those of the paper's eq. 19, with an exponential of the score on top, which cancels.
    """

    title = "Grad-CAM++"
    source = "Chattopadhay et al. 2018, arXiv:1710.11063"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c w_c · a_c, w = Σ α · relu(g), α = g² / (2 g² + Σ(a g³))."""
        space = over_space(a)
        square, cube = g.pow(2), g.pow(3)
        denominator = 2 * square + (a * cube).sum(space, keepdim=True)
        alpha = torch.where(denominator != 0, square / denominator, 0.0)
        weights = (alpha * g.relu()).sum(space, keepdim=True)
        return (weights * a).sum(1, keepdim=True)
