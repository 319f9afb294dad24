"""Guided backpropagation times Grad-CAM, resized to the image (Selvaraju et al. 2017)."""

from torch import Tensor, nn

from .gradcam import reference as gradcam
from .guided_backprop import reference as guided_backprop
from .record import Score


def reference(score: Score, image: Tensor, *, model: nn.Module, layer: nn.Module | None = None) -> Tensor:
    return gradcam(score, image, layer=layer) * guided_backprop(score, image, model=model)
