"""score(x) − score(x with a block hidden), averaged over the blocks that cover a voxel (Zeiler and Fergus 2014)."""

from itertools import product

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    window: int = 8,
    stride: int | None = None,
    per_channel: bool = False,
) -> Tensor:
    """Blocks start every `stride` voxels until one reaches the border; the last may stick out."""
    channels = [slice(c, c + 1) for c in range(image.shape[1])] if per_channel else [slice(None)]
    total = torch.zeros(len(channels), *image.shape[2:])
    cover = torch.zeros_like(total)
    starts = []
    for size in image.shape[2:]:
        along = [0]
        while along[-1] + window < size:
            along.append(along[-1] + (stride or window))
        starts.append(along)
    for (row, channel), corner in product(enumerate(channels), product(*starts)):
        place = tuple(slice(start, start + window) for start in corner)
        hidden = image.clone()
        hidden[0, channel][:, *place] = (torch.zeros_like(image) + baseline)[0, channel][:, *place]
        total[row, *place] += score(image) - score(hidden)
        cover[row, *place] += 1
    return total / cover
