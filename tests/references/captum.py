"""|∂score/∂x|: what Captum's algorithm gives when none is named."""

from torch import Tensor, nn

from .record import Score, gradient_at


def reference(score: Score, image: Tensor, *, layer: nn.Module | None = None) -> Tensor:
    return gradient_at(score, image)[0].abs()
