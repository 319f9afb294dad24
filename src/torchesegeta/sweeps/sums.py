"""Sums over masks, taken for all targets at once: what a voxel costs is paid per mask, hardly per target."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

SAMPLED = 4096
"""Voxels at which squares are summed, about: their mean spread is told by an even lattice."""


@dataclass(frozen=True, eq=False)
class TargetSums:
    """Sums over the masks m so far, with the change s of one target's score from that of the unmasked image.

    Attributes:
        count: Number of masks.
        masks: Σ m, (1, *spatial).
        scored: Σ s·m, (1, *spatial).
        squares: Σ m², Σ s·m², Σ s²·m², each (1, *lattice).
        lattice: Where squares are summed: an index into maps (1, *spatial).
    """

    count: int
    masks: Tensor
    scored: Tensor
    squares: tuple[Tensor, Tensor, Tensor]
    lattice: tuple[slice, ...]


class MaskSums:
    """The sums of all targets, in float32 or better: in half precision they would stop growing.

    Args:
        shape: Of the masks: (*spatial).
        targets: Number of scores.
        like: A tensor of the masks' dtype, and on their device.
    """

    def __init__(self, shape: tuple[int, ...], targets: int, like: Tensor) -> None:
        most = round(SAMPLED ** (1 / len(shape)))
        self.lattice = (slice(None), *(slice(None, None, ceil(n / most)) for n in shape))
        self.shape, self.targets, self.count = shape, targets, 0
        sampled = torch.empty(1, *shape, device="meta")[self.lattice]
        dtype = torch.promote_types(like.dtype, torch.float32)
        self._masks = like.new_zeros(1 + targets, *shape, dtype=dtype)
        self._squares = like.new_zeros(1 + 2 * targets, *sampled.shape[1:], dtype=dtype)

    def add(self, masks: Tensor, changes: Tensor) -> None:
        """Add masks (B, 1, *spatial) whose scores changed by (B, targets)."""
        masks, changes = masks.to(self._masks), changes.to(self._masks)
        one = torch.ones_like(changes[:, :1])
        sampled = masks[(slice(None), *self.lattice)].square()
        _add_products(self._masks, torch.cat([one, changes], 1), masks)
        _add_products(self._squares, torch.cat([one, changes, changes.square()], 1), sampled)
        self.count += len(masks)

    def of(self, target: int) -> TargetSums:
        """The sums of one target, by number."""
        ones, scored, squared = (self._squares[i][None] for i in (0, 1 + target, 1 + self.targets + target))
        return TargetSums(
            self.count, self._masks[:1], self._masks[1 + target][None], (ones, scored, squared), self.lattice
        )


def _add_products(total: Tensor, factors: Tensor, values: Tensor) -> None:
    """Add Σ_b factors[b, n] · values[b] to total (N, …), in place."""
    total.flatten(1).addmm_(factors.mT, values.flatten(1))
