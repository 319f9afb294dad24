"""∂score/∂x, or ∂score/∂a at a layer (Simonyan et al. 2013)."""

from torch import Tensor, nn

from .record import Score, gradient_at, layer_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None) -> Tensor:
    if layer is None:
        return gradient_at(score, image)[0]
    _, gradient = layer_at(score, image, layer)
    return gradient
