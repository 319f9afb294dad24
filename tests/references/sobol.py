"""Total Sobol indices by Jansen's estimator, over given points of a sequence (Fel et al. 2021)."""

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    features: Tensor,
    sequence: Tensor,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    samples: int = 32,
) -> Tensor:
    """`features` is (*spatial), a label at every voxel; `sequence` is (samples, 2, features)."""
    labels = sorted(set(features.flatten().tolist()))
    empty = torch.zeros_like(image) + baseline

    def value(shares: Tensor) -> float:
        mask = torch.zeros(image.shape[2:])
        for label, share in zip(labels, shares.tolist(), strict=True):
            mask[features == label] = share
        return float(score(image * mask + empty * (1 - mask)))

    firsts = torch.tensor([value(one) for one, _ in sequence]).double()
    result = torch.zeros(1, *image.shape[2:])
    for number, label in enumerate(labels):
        changed = []
        for one, other in sequence:
            mixed = one.clone()
            mixed[number] = other[number]
            changed.append(value(mixed))
        index = ((firsts - torch.tensor(changed)) ** 2).mean() / 2 / firsts.var()
        result[:, features == label] = float(index)
    return result
