"""∂score/∂a · a (Ancona et al. 2017)."""

from torch import Tensor, nn

from .record import Score, layer_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None) -> Tensor:
    activation, gradient = layer_at(score, image, layer)
    return gradient * activation
