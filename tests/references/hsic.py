"""The Hilbert-Schmidt independence criterion of presence and score over given masks (Novello et al. 2022)."""

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
    coins: Sequence[Tensor],
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    samples: int = 1000,
) -> Tensor:
    """`features` is (*spatial), a label at every voxel; a mask numbers the labels by size."""
    labels = sorted(set(features.flatten().tolist()))
    empty = torch.zeros_like(image) + baseline
    scores = []
    for row in coins:
        inside = torch.isin(features, torch.tensor([label for label, kept in zip(labels, row, strict=True) if kept]))
        scores.append(float(score(torch.where(inside, image, empty))))
    n, values = len(scores), torch.tensor(scores).double()
    apart = torch.cdist(values[:, None], values[:, None])
    outputs = torch.exp(-(apart**2) / (2 * apart[apart > 0].median() ** 2))
    centre = torch.eye(n).double() - 1 / n
    result = torch.zeros(1, *image.shape[2:])
    for number, label in enumerate(labels):
        present = torch.stack(list(coins))[:, number]
        inputs = (present[:, None] == present).double()
        result[:, features == label] = float((inputs @ centre @ outputs @ centre).trace() / (n - 1) ** 2)
    return result
