"""The gradient with relu(g) at every ReLU (Zeiler & Fergus 2014)."""

from torch import Tensor, nn

from .guided import deconvolved, relus
from .record import Score, gradient_at


def reference(score: Score, image: Tensor, *, model: nn.Module, layer: nn.Module | None = None) -> Tensor:
    with relus(model, deconvolved):
        return gradient_at(score, image)[0]
