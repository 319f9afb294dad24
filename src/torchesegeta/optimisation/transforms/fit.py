"""Cuts or pads pictures about their centre to the size that the model takes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def fit(pictures: Tensor, spatial: Sequence[int]) -> Tensor:
    """(B, C, *spatial) of the wanted spatial shape: what is too much on both sides goes, what lacks is 0."""
    missing = [want - have for want, have in zip(spatial, pictures.shape[2:], strict=True)]
    if not any(missing):
        return pictures
    sides = [(m // 2, m - m // 2) for m in reversed(missing)]
    return functional.pad(pictures, [side for pair in sides for side in pair])
