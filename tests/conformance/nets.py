"""Tiny seeded networks with batch norm and dropout, whose kernels and pools differ from axis to axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

KERNEL, POOL = (3, 5, 1), (2, 1, 2)
"""Along each axis of the unpermuted network."""
LAYERS = ("features", "merge")
"""One layer below the image's resolution, and one that everything the score depends on passes through."""


class Net(nn.Module):
    """(B, 2, *spatial) to three logits, per image or per voxel.

    Args:
        kind: `classification` or `segmentation`.
        axes: Order of the spatial axes: the network for an image permuted by `axes`.
        smooth: Softplus and average pools, so that path integrals converge fast; else ReLU and max-pools.
    """

    def __init__(self, kind: str, axes: Sequence[int], *, smooth: bool = False) -> None:
        super().__init__()
        conv, norm, average, largest = _PARTS[len(axes)]
        kernel, pool = tuple(KERNEL[a] for a in axes), tuple(POOL[a] for a in axes)
        padding = tuple(k // 2 for k in kernel)
        self.kind = kind
        self.stem = nn.Sequential(conv(2, 4, kernel, padding=padding), norm(4), _activation(smooth))
        self.pool = average(pool) if smooth else largest(pool)
        self.features = nn.Sequential(conv(4, 5, kernel, padding=padding), _activation(smooth), nn.Dropout(0.5))
        self.merge = nn.Sequential(conv(9, 4, 1), _activation(smooth))
        self.head = conv(4, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.stem(image)
        coarse = nn.functional.interpolate(self.features(self.pool(fine)), size=fine.shape[2:])
        voxels: Tensor = self.head(self.merge(torch.cat([fine, coarse], 1)))
        # Squares keep the gradient from being the same at every voxel, which would hide a wrong mean.
        return voxels.square().flatten(2).mean(2) if self.kind == "classification" else voxels


_PARTS: dict[int, tuple[Any, ...]] = {
    2: (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.MaxPool2d),
    3: (nn.Conv3d, nn.BatchNorm3d, nn.AvgPool3d, nn.MaxPool3d),
}


def _activation(smooth: bool) -> nn.Module:
    return nn.Softplus() if smooth else nn.ReLU()


@torch.no_grad()
def build(kind: str, dims: int, *, smooth: bool = False) -> Net:
    """A network, the same every time; in training mode, with gradients of its own and a frozen layer."""
    source = torch.Generator().manual_seed(36)
    net = Net(kind, range(dims), smooth=smooth)
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.ndim > 1:
            tensor.copy_(torch.randn(tensor.shape, generator=source) * 0.4)
        elif tensor.ndim == 1:
            tensor.copy_(torch.rand(tensor.shape, generator=source) + 0.5)
    nn.init.zeros_(net.head.bias)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    net.merge.requires_grad_(False)
    net.pool.eval()
    return net


@torch.no_grad()
def permuted(net: Net, axes: Sequence[int]) -> Net:
    """The network that does to the permuted image what `net` does to the image."""
    twin = Net(net.kind, axes)
    for mine, theirs in zip(twin.state_dict().values(), net.state_dict().values(), strict=True):
        mine.copy_(theirs.permute(0, 1, *(2 + a for a in axes)) if theirs.ndim > 2 else theirs)
    return twin.to(net.head.weight.dtype)
