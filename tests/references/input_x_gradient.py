"""x · ∂score/∂x (Shrikumar et al. 2016)."""

from torch import Tensor, nn

from .record import Score, gradient_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None) -> Tensor:
    return (image * gradient_at(score, image))[0]
