"""Σ over channels of weight · activation, each weighed by the score of the image seen through it (Wang et al. 2020)."""

import torch
from torch import Tensor, nn

from .record import Score, layer_at
from .resize import resize


def scaled(values: Tensor) -> Tensor:
    """To 0 … 1; zero where constant."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else 0 * values


def reference(
    score: Score,
    image: Tensor,
    *,
    layer: nn.Module | None,
    baseline: Tensor | float = 0.0,
    weighing: str = "change",
    top: int | None = None,
    scale_first: bool = False,
    relu: bool = True,
    upsample: bool = True,
) -> Tensor:
    """`top` keeps the channels of largest variance."""
    activation, _ = layer_at(score, image, layer)
    shape = tuple(image.shape[2:])
    empty = torch.zeros_like(image) + baseline
    by_variance = sorted(range(len(activation)), key=lambda c: -float(activation[c].var()))
    kept = sorted(by_variance[:top])
    scores = []
    for channel in kept:
        picture = activation[channel : channel + 1]
        mask = resize(scaled(picture), shape) if scale_first else scaled(resize(picture, shape))
        scores.append(score(image * mask + empty * (1 - mask)).detach())
    values = torch.stack(scores)
    if weighing != "score":
        values = values - score(empty).detach()
    if weighing == "softmax":
        values = values.softmax(0)
    cam = torch.zeros(1, *activation.shape[1:])
    for channel, value in zip(kept, values, strict=True):
        cam += value * activation[channel]
    cam = cam.relu() if relu else cam
    return resize(cam, shape) if upsample else cam
