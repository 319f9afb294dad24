"""The gradient with relu(g) · [x > 0] at every ReLU (Springenberg et al. 2015)."""

from torch import Tensor, nn

from .guided import guided, relus
from .record import Score, gradient_at, layer_at


def reference(score: Score, image: Tensor, *, model: nn.Module, layer: nn.Module | None = None) -> Tensor:
    with relus(model, guided):
        return gradient_at(score, image)[0] if layer is None else layer_at(score, image, layer)[1]
