"""Pictures of one size to another, in two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR


def resized(pictures: Tensor, spatial: Sequence[int]) -> Tensor:
    """(B, C, *spatial) of another spatial shape: linear where it grows, means over areas where it shrinks.

    Args:
        pictures: In 2D or 3D.
        spatial: The wanted shape; no axis grows where another shrinks.
    """
    wanted, have = tuple(spatial), tuple(pictures.shape[2:])
    if wanted == have:
        return pictures
    if all(w <= h for w, h in zip(wanted, have, strict=True)):
        return interpolate(pictures, wanted, mode="area")
    return interpolate(pictures, wanted, mode=LINEAR[len(wanted)], align_corners=False)


def coarse(spatial: Sequence[int], factor: int) -> tuple[int, ...]:
    """The size of a grid that is coarser by a factor, rounded up."""
    return tuple(-(-size // factor) for size in spatial)


def enlarge(pictures: Tensor, spatial: Sequence[int]) -> Tensor:
    """(B, C, *coarse) interpolated linearly, corners on corners: (B, C, *spatial)."""
    return interpolate(pictures, tuple(spatial), mode=LINEAR[len(spatial)], align_corners=True)
