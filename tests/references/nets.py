"""Tiny seeded networks, plain on purpose: every layer is a module of its own, called once, nothing in place."""

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """(B, 2, *spatial) to three logits."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        conv, pool = (nn.Conv2d, nn.MaxPool2d) if dims == 2 else (nn.Conv3d, nn.MaxPool3d)
        self.first = conv(2, 5, 3, padding=1)
        self.first_relu = nn.ReLU()
        self.pool = pool(2)
        self.second = conv(5, 6, 3)
        self.second_relu = nn.ReLU()
        self.head = nn.Linear(6, 3)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.pool(self.first_relu(self.first(image)))
        hidden = self.second_relu(self.second(hidden))
        # Squares keep the gradient from being the same at every voxel, which would hide a wrong mean.
        return self.head((hidden**2).flatten(2).mean(2))  # type: ignore[no-any-return]


class Segmenter(nn.Module):
    """(B, 2, *spatial) to three logits per voxel; one skip connection, any size."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        conv, pool = (nn.Conv2d, nn.MaxPool2d) if dims == 2 else (nn.Conv3d, nn.MaxPool3d)
        self.first = conv(2, 4, 3, padding=1)
        self.first_relu = nn.ReLU()
        self.pool = pool(2)
        self.second = conv(4, 6, 3, padding=1)
        self.second_relu = nn.ReLU()
        self.merge = conv(10, 4, 3, padding=1)
        self.merge_relu = nn.ReLU()
        self.head = conv(4, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.first_relu(self.first(image))
        coarse = self.second_relu(self.second(self.pool(fine)))
        coarse = nn.functional.interpolate(coarse, size=fine.shape[2:], mode="nearest")
        return self.head(self.merge_relu(self.merge(torch.cat([fine, coarse], dim=1))))  # type: ignore[no-any-return]


def build(kind: str, dims: int) -> nn.Module:
    """The network of a case, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        net = Classifier(dims) if kind == "classification" else Segmenter(dims)
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=0.4)
    return net.eval()
