"""Grad-CAM++: pixel-wise weighted Grad-CAM (Chattopadhay et al. 2018, arXiv:1710.11063)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.methods.cam import Cam, over_space
from torchesegeta.methods.registry import register


@register("gradcam_plus_plus")
class GradCamPlusPlus(Cam):
    """Grad-CAM with weights that count several instances of the target.

    The weights are those of the paper's eq. 19; its exponential of the score cancels.
    """

    title = "Grad-CAM++"
    source = "Chattopadhay et al. 2018, arXiv:1710.11063"

    denominator: Literal["paper", "torch_cam"] = Field(
        "paper", description="2 g² + (Σ a) · g³ as in the paper, or 2 g² + Σ(a · g³) as torch-cam documents it."
    )
    epsilon: float = Field(0.0, ge=0, le=1, description="Added to the denominator, as some libraries do.")

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c w_c · a_c, w = Σ α · relu(g), α = g² / (2 g² + (Σ a) · g³)."""
        space = over_space(a)
        square, cube = g.pow(2), g.pow(3)
        if self.denominator == "paper":
            third = a.sum(space, keepdim=True) * cube
        else:
            third = (a * cube).sum(space, keepdim=True)
        below = 2 * square + third + self.epsilon
        alpha = torch.where(below != 0, square / below, 0.0)
        weights = (alpha * g.relu()).sum(space, keepdim=True)
        return (weights * a).sum(1, keepdim=True)
