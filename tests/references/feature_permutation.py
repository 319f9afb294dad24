"""score(x) − score(x with a feature of another image), at every voxel of the feature (Fisher et al. 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    features: Tensor,
    donors: Sequence[Sequence[Tensor]],
    layer: nn.Module | None = None,
    permutations: int = 1,
) -> Tensor:
    """`features` is (*spatial), a label at every voxel; `donors` gives an image per permutation and feature."""
    result = torch.zeros(1, *image.shape[2:])
    for row in donors:
        for label, donor in zip(sorted(set(features.flatten().tolist())), row, strict=True):
            mixed = image.clone()
            mixed[:, :, features == label] = donor[:, :, features == label]
            result[:, features == label] += (score(image) - score(mixed)) / permutations
    return result
