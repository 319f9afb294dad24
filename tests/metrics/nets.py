"""Small seeded networks and images of unequal sizes, for metrics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZES = {2: (9, 11), 3: (8, 9, 10)}
CONVS = {2: nn.Conv2d, 3: nn.Conv3d}


class Classifier(nn.Module):
    """(B, C, *spatial) to three logits; linear where `activation` is."""

    def __init__(self, dims: int = 2, channels: int = 1, activation: nn.Module | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.first = CONVS[dims](channels, 4, 3, padding=1)
            self.act = nn.Tanh() if activation is None else activation
            self.second = CONVS[dims](4, 4, 3, padding=1)
            self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        features = self.act(self.second(self.act(self.first(x))))
        logits: Tensor = self.head(features.flatten(2).mean(2))
        return logits


class Segmenter(nn.Module):
    """(B, C, *spatial) to two channels of logits on the same grid."""

    def __init__(self, dims: int = 2, channels: int = 1) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.first = CONVS[dims](channels, 4, 3, padding=1)
            self.norm = (nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d)(4)
            self.head = CONVS[dims](4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.norm(self.first(x))))
        return logits


def image(dims: int = 2, channels: int = 1, seed: int = 0) -> Tensor:
    """(C, *spatial)."""
    return torch.randn(channels, *SIZES[dims], generator=torch.Generator().manual_seed(seed))
