"""|∂score/∂x| (Simonyan et al. 2013)."""

from torch import Tensor, nn

from .record import Score, gradient_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None, absolute: bool = True) -> Tensor:
    gradient = gradient_at(score, image)[0]
    return gradient.abs() if absolute else gradient
