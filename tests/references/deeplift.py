"""DeepLIFT's rescale rule on the twins' plain networks, by hooks (Shrikumar et al. 2017).

First every ReLU and max-pool is watched at the image and at the baseline. Then the network runs with each of them
replaced by a linear function of the same change, put out halfway between its two answers, where the square in the
classifier's forward has just the right slope too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from .record import Score, gradient_at, layer_at
from .reveal_cancel import contributions

Seen = dict[nn.Module, list[tuple[Tensor, Tensor]]]


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    rule: str = "rescale",
) -> Tensor:
    start = torch.zeros_like(image) + baseline
    if rule == "reveal_cancel":
        return contributions(score, image, start, model, layer)
    with linearised(score, image, start, model):
        multiplier = gradient_at(score, image)[0] if layer is None else layer_at(score, image, layer)[1]
    if layer is None:
        return multiplier * (image - start)[0]
    return multiplier * (layer_at(score, image, layer)[0] - layer_at(score, start, layer)[0])


@contextmanager
def linearised(score: Score, image: Tensor, start: Tensor, model: nn.Module) -> Iterator[None]:
    """Inside, the network has DeepLIFT's multipliers for slopes."""
    modules = [m for m in model.modules() if isinstance(m, nn.ReLU | nn.MaxPool2d | nn.MaxPool3d)]
    seen: Seen = {module: [] for module in modules}
    handles = [m.register_forward_hook(lambda module, x, y: seen[module].append((x[0], y))) for m in modules]
    score(start)
    score(image)
    for handle in handles:
        handle.remove()
    handles = [m.register_forward_hook(_replacement(m, seen)) for m in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _replacement(module: nn.Module, seen: Seen) -> Callable[..., Tensor]:
    (x0, y0), (x, y) = ((a.detach(), b.detach()) for a, b in seen[module])

    def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        (now,) = inputs
        linear = _relu(now, x, x0, y, y0) if isinstance(module, nn.ReLU) else _pool(now, x, x0, y, y0)
        return linear + ((y + y0) / 2 - linear).detach()

    return hook


def _relu(now: Tensor, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    return now * torch.where(x == x0, (x > 0).to(x.dtype), (y - y0) / torch.where(x == x0, 1.0, x - x0))


def _pool(now: Tensor, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """Window by window, each two voxels wide: the voxel that made the change takes all of it."""
    result = torch.zeros_like(y)
    for place in product(*(range(n) for n in y.shape)):
        change = y[place] - y0[place]
        if change == 0:
            continue
        window: Any = (*place[:2], *(slice(2 * i, 2 * i + 2) for i in place[2:]))
        winner = (x if change > 0 else x0)[window].flatten().argmax()
        below = (x - x0)[window].flatten()[winner]
        result[place] = now[window].flatten()[winner] * change / below
    return result
