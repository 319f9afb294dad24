"""Sliding-window prediction as one computation: every patch in the same graph, written out plainly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import exp

import torch
from torch import Tensor, nn
from torch.nn import functional


def starts(length: int, size: int, overlap: float) -> list[int]:
    """First voxels of the patches along an axis; the last patch ends at the border."""
    step = size if length == size else max(1, int(size * (1 - overlap)))
    found = [0]
    while found[-1] + size < length:
        found.append(min(found[-1] + step, length - size))
    return found


def importance(size: Sequence[int], blend: str) -> Tensor:
    """What a patch's voxels count: all alike, or by a Gaussian of an eighth of its length, at least 0.001."""
    weights = torch.ones(tuple(size))
    for place in product(*map(range, size)) if blend == "gaussian" else ():
        distances = ((i - (n - 1) / 2) / (n / 8) for i, n in zip(place, size, strict=True))
        weights[place] = max(1e-3, exp(-sum(d * d for d in distances) / 2))
    return weights


class SlidingWindow(nn.Module):
    """A model over whole images: padded, cut, run patch by patch, blended, cropped."""

    def __init__(self, model: nn.Module, size: Sequence[int], overlap: float, blend: str) -> None:
        super().__init__()
        self.model, self.size, self.overlap = model, tuple(size), overlap
        self.importance = importance(size, blend)

    def forward(self, image: Tensor) -> Tensor:
        shape = image.shape[2:]
        missing = [max(0, s - n) for s, n in zip(self.size, shape, strict=True)]
        before = [m // 2 for m in missing]
        padding = [side for b, m in zip(before[::-1], missing[::-1], strict=True) for side in (b, m - b)]
        whole = functional.pad(image, padding) if any(padding) else image
        places = [starts(n, s, self.overlap) for n, s in zip(whole.shape[2:], self.size, strict=True)]
        corners = list(product(*places))
        total = torch.zeros(whole.shape[2:])
        for corner in corners:
            total[tuple(slice(c, c + s) for c, s in zip(corner, self.size, strict=True))] += self.importance
        output: Tensor | None = None
        for corner in corners:
            box = tuple(slice(c, c + s) for c, s in zip(corner, self.size, strict=True))
            weighted = self.model(whole[(slice(None), slice(None), *box)]) * (self.importance / total[box])
            around = [
                side
                for c, s, n in zip(corner[::-1], self.size[::-1], whole.shape[:1:-1], strict=True)
                for side in (c, n - c - s)
            ]
            placed = functional.pad(weighted, around)
            output = placed if output is None else output + placed
        assert output is not None
        inside = tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))
        return output[(slice(None), slice(None), *inside)]
