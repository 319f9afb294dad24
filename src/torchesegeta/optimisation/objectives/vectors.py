"""Vectors with a number for each channel of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError

Vector = Tensor | Sequence[float]


def along_channels(vector: Vector, activation: Tensor, layer: str, what: str) -> Tensor:
    """A vector as (1, channels, 1, …), to go with an activation (m, channels, …).

    Args:
        vector: (channels,).
        activation: Whose dtype and device it takes.
        layer: For the message.
        what: For the message: what the vector is.

    Raises:
        IncompatibleError: It has more or fewer numbers than the layer has channels.
    """
    numbers = torch.as_tensor(vector).to(activation)
    if numbers.shape != activation.shape[1:2]:
        raise IncompatibleError(
            f"layer {layer!r} has {activation.shape[1]} channels; the {what} has shape {tuple(numbers.shape)}"
        )
    return numbers.view(1, -1, *(1,) * (activation.ndim - 2))
