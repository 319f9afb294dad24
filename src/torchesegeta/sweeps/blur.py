"""`Blur`: points from a blurred image to the image itself, at finer and finer scale (Xu et al. 2020)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from torchesegeta.baselines import Baseline
from torchesegeta.sweeps.base import Points, Sweep

KEPT = 16
"""Blurred images kept, so that every target takes them from here."""


@dataclass(frozen=True)
class Blur(Sweep):
    """`steps` passes over the image blurred by Gaussians of `sigma` … 0 voxels.

    Each point's span is the stretch of scales around it: the stretches join, so that input changes add up.
    """

    sigma: float
    steps: int = 50

    @property
    def count(self) -> int:
        """The number of steps."""
        return self.steps

    @property
    def needs_ends(self) -> bool:
        """True: completeness is checked against the score's change."""
        return True

    @property
    def span_corners(self) -> int:
        """One more than steps."""
        return self.steps + 1

    def baseline(self, image: Tensor, key: str) -> Tensor:
        """The most blurred image, (C, *spatial)."""
        return Baseline(kind="blur", sigma=self.sigma).resolve(image)

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return _Blurred(image, self)


class _Blurred(Points):
    def __init__(self, image: Tensor, sweep: Blur) -> None:
        self.image, self.sweep = image, sweep
        self.weights = torch.full((sweep.steps,), 1 / sweep.steps, dtype=image.dtype, device=image.device)
        self._corner = lru_cache(KEPT)(self._blurred)

    def _blurred(self, step: float) -> Tensor:
        """The image once `step` of the steps are done."""
        sigma = self.sweep.sigma * (1 - step / self.sweep.steps)
        return Baseline(kind="blur", sigma=sigma).resolve(self.image) if sigma > 0 else self.image

    def at(self, indices: range) -> Tensor:
        return torch.stack([self._blurred(i + 0.5) for i in indices])

    def span(self, index: int) -> tuple[Hashable, Hashable]:
        return index, index + 1

    def corner(self, name: Hashable) -> Tensor:
        assert isinstance(name, int)
        return self._corner(name)

    def input_change(self, indices: range) -> Tensor:
        return torch.stack([self.corner(i + 1) - self.corner(i) for i in indices])
