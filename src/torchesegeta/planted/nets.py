"""Networks whose weights are set by hand, so that what decides is known. All start with a layer `features`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

CONVS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
KERNEL = 3


def _kernels(dims: int, *, centre: tuple[float, ...] = (), mean: tuple[float, ...] = ()) -> Tensor:
    """Kernels (filters, 1, 3, …) that take the voxel itself, then such that take the mean of its neighbourhood."""
    side = (KERNEL,) * dims
    middle = torch.zeros(side)
    middle[(1,) * dims] = 1
    even = torch.full(side, KERNEL**-dims)
    return torch.stack([*(c * middle for c in centre), *(m * even for m in mean)])[:, None]


class Linear(nn.Module):
    """(B, 1, *spatial) to two logits, each Σ w·x.

    Args:
        weights: (2, *spatial), of the two classes.
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        dims, voxels = weights.ndim - 1, weights[0].numel()
        self.features = CONVS[dims](1, 2, KERNEL, padding=1, bias=False)
        self.features.weight.data = _kernels(dims, centre=(1.0, 0.5))
        self.head = nn.Linear(2 * voxels, 2, bias=False)
        rows = weights.flatten(1) / 1.5
        self.head.weight.data = torch.cat([rows, rows], 1)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(self.features(x).flatten(1))
        return logits


class Shortcut(nn.Module):
    """(B, 1, *spatial) to two logits: class 1 sees bright blocks in one corner only, class 0 anything in the middle.

    Args:
        corner: (*spatial), where blocks count for class 1.
        middle: (*spatial), what counts for class 0.
    """

    LEAST = 0.6
    """Mean brightness from which a neighbourhood is a block."""

    def __init__(self, corner: Tensor, middle: Tensor) -> None:
        super().__init__()
        self.features = CONVS[corner.ndim](1, 2, KERNEL, padding=1)
        self.features.weight.data = _kernels(corner.ndim, centre=(1.0,), mean=(1.0,))
        self.features.bias.data = torch.tensor([0.0, -self.LEAST])
        self.relu = nn.ReLU()
        self.head = nn.Linear(2 * corner.numel(), 2, bias=False)
        nothing = torch.zeros(corner.numel())
        of_middle = 0.5 * middle.flatten().float() / middle.sum()
        rows = [torch.cat([of_middle, nothing]), torch.cat([nothing, corner.flatten().float()])]
        self.head.weight.data = torch.stack(rows)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(self.relu(self.features(x)).flatten(1))
        return logits


class Gated(nn.Module):
    """(B, 1, *spatial) to two logits: class 1 is the evidence of one region, let through by a switch in another.

    Args:
        switch: (*spatial), the region whose mean opens the gate.
        evidence: (*spatial), the region whose mean is let through.
    """

    STEEPNESS, THRESHOLD = 6.0, 0.5

    switch: Tensor
    evidence: Tensor

    def __init__(self, switch: Tensor, evidence: Tensor) -> None:
        super().__init__()
        dims = switch.ndim
        self.features = CONVS[dims](1, 2, KERNEL, padding=1, bias=False)
        self.features.weight.data = _kernels(dims, centre=(1.0, 1.0))
        self.relu = nn.ReLU()
        self.head = nn.Linear(2 * switch.numel(), 2, bias=False)
        nothing = torch.zeros(switch.numel())
        rows = [torch.cat([_mean(switch), nothing]), torch.cat([nothing, _mean(evidence)])]
        self.head.weight.data = torch.stack(rows)

    def forward(self, x: Tensor) -> Tensor:
        """The logits; that of class 0 is 0.1."""
        means = self.head(self.relu(self.features(x)).flatten(1))
        gate = torch.sigmoid(self.STEEPNESS * (means[:, 0] - self.THRESHOLD))
        return torch.stack([torch.full_like(gate, 0.1), gate * means[:, 1]], 1)


def _mean(region: Tensor) -> Tensor:
    return region.flatten().float() / region.sum()


class Segmenter(nn.Module):
    """(B, 1, *spatial) to two logits per voxel; an output voxel sees two voxels to each side, and no further."""

    REACH = 2

    def __init__(self, dims: int) -> None:
        super().__init__()
        conv = CONVS[dims]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            self.stem = conv(1, 4, KERNEL, padding=1)
            self.features = conv(4, 4, KERNEL, padding=1)
            self.head = conv(4, 2, 1)
        for layer in (self.stem, self.features):
            layer.weight.data += 0.5 * layer.weight.data.abs().mean()  # so that no filter is dead
            layer.bias.data.zero_()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(self.relu(self.features(self.relu(self.stem(x)))))
        return logits
