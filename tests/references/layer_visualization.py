"""Mean activation of a filter raised by Adam, in shares of the image's range (Erhan et al. 2009)."""

from __future__ import annotations

from torch import Tensor, nn

from .ascent import adam, output_of, range_of
from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    starts: Tensor,
    layer: nn.Module | None = None,
    filter: int = 0,
    steps: int = 30,
    learning_rate: float = 0.05,
    start: tuple[float, float] = (0.6, 0.7),
    keep_in_range: bool = False,
) -> Tensor:
    lowest, width = range_of(image)
    output = output_of(model, layer)
    begun = start[0] + (start[1] - start[0]) * starts[None]

    def held(shares: Tensor, step: int) -> Tensor:
        return shares.clamp(0, 1) if keep_in_range else shares

    shares = adam(lambda s: output(lowest + s * width)[0, filter].mean(), begun, learning_rate, steps, held)
    return (lowest + shares * width)[0]
