"""The layer's output a."""

from torch import Tensor, nn

from .record import Score, layer_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None) -> Tensor:
    activation, _ = layer_at(score, image, layer)
    return activation
