"""score(x) − score(x with the feature replaced), at every voxel of the feature (Zeiler and Fergus 2014)."""

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score, image: Tensor, *, features: Tensor, layer: nn.Module | None = None, baseline: Tensor | float = 0.0
) -> Tensor:
    """`features` is (*spatial), a label at every voxel."""
    result = torch.zeros(1, *image.shape[2:])
    for label in set(features.flatten().tolist()):
        without = image.clone()
        without[:, :, features == label] = (torch.zeros_like(image) + baseline)[:, :, features == label]
        result[:, features == label] = score(image) - score(without)
    return result
