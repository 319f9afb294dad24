"""Shapley values of features by their definition: the mean over all orders of joining, counted by coalitions."""

from itertools import combinations
from math import comb

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    features: Tensor,
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    samples: int = 1000,
) -> Tensor:
    """`features` is (*spatial), a label at every voxel; with few of them the fit is exact."""
    labels = sorted(set(features.flatten().tolist()))
    empty = torch.zeros_like(image) + baseline

    def value(members: tuple[int, ...]) -> Tensor:
        inside = torch.isin(features, torch.tensor(members))
        return score(torch.where(inside, image, empty))

    result = torch.zeros(1, *image.shape[2:])
    for label in labels:
        others = [other for other in labels if other != label]
        for size in range(len(labels)):
            for members in combinations(others, size):
                gain = value((*members, label)) - value(members)
                result[:, features == label] += gain / (len(labels) * comb(len(others), size))
    return result
