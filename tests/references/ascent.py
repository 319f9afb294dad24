"""What the twins of optimised pictures share: a layer's output as a function of an image, its range, a plain ascent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Objective = Callable[[Tensor], Tensor]


def output_of(model: nn.Module, layer: nn.Module | None) -> Callable[[Tensor], Tensor]:
    """A layer's output, with its graph, for an input of any size."""
    assert layer is not None

    def output(point: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        handle = layer.register_forward_hook(lambda module, arguments, output: outputs.append(output))
        try:
            model(point)
        finally:
            handle.remove()
        return outputs[0]

    return output


def range_of(image: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest value and width of each channel of (1, C, *spatial): (1, C, 1, …) each."""
    lowest, highest = torch.empty_like(image[:, :, :1]), torch.empty_like(image[:, :, :1])
    for channel in range(image.shape[1]):
        lowest[:, channel], highest[:, channel] = image[:, channel].min(), image[:, channel].max()
    first = (slice(None), slice(None), *(slice(0, 1),) * (image.ndim - 2))
    return lowest[first], (highest - lowest)[first]


def adam(
    objective: Objective, shares: Tensor, rate: float, steps: int, after: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """Shares (1, C, *spatial) after some steps up; `after` makes of each step's result what the next starts from."""
    shares = shares.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([shares], lr=rate)
    for step in range(steps):
        optimiser.zero_grad()
        (-objective(shares)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            shares.copy_(after(shares.detach().clone(), step))
    return shares.detach()
