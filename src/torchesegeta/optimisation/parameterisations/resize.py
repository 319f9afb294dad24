"""Coarser and finer grids of the same pictures, in two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

MODES = {2: "bilinear", 3: "trilinear"}


def coarse(spatial: Sequence[int], factor: int) -> tuple[int, ...]:
    """The size of a grid that is coarser by a factor, rounded up."""
    return tuple(-(-size // factor) for size in spatial)


def enlarge(pictures: Tensor, spatial: Sequence[int]) -> Tensor:
    """(B, C, *coarse) interpolated linearly, corners on corners: (B, C, *spatial)."""
    return functional.interpolate(pictures, tuple(spatial), mode=MODES[len(spatial)], align_corners=True)


def reduce(pictures: Tensor, spatial: Sequence[int]) -> Tensor:
    """(B, C, *fine) averaged over the voxels of a coarser grid: (B, C, *spatial)."""
    return functional.interpolate(pictures, tuple(spatial), mode="area")
