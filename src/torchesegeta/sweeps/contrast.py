"""`Contrast`: the image against baselines, one pass each, under a rule that compares the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.baselines import ZERO, Baseline
from torchesegeta.draws import normal
from torchesegeta.rules import DeepLift, Rule
from torchesegeta.sweeps.base import Points, Read, Sweep

TRACE = 1e-6
"""Noise that a nudged baseline gets, as a share of the image's range: some ten times float32's rounding."""


@dataclass(frozen=True)
class Contrast(Sweep):
    """Every point is the image, compared with another baseline; changes are those from there to the image."""

    origins: tuple[Baseline, ...] = (ZERO,)
    rule: Rule = DeepLift()

    @property
    def count(self) -> int:
        """One for each baseline; three where differences are taken apart."""
        return len(self.origins) * (3 if self.rule.in_parts else 1)

    @property
    def needs_ends(self) -> bool:
        """True: completeness is checked against the score's change."""
        return True

    def ends(self, image: Tensor, key: str) -> list[Tensor]:
        """The baselines, each (C, *spatial)."""
        return [b.resolve(image, seed=f"{key}|{b!r}|{number}") for number, b in enumerate(self.origins)]

    def nudged(self, image: Tensor, key: str) -> list[Tensor]:
        """Norms may blow a constant baseline's rounding up to the size of the score."""
        size = TRACE * float(image.max() - image.min())
        draws = (normal(tuple(image.shape), f"{key}|nudge", number).to(image) for number in range(len(self.origins)))
        return [end.add(draw, alpha=size) for end, draw in zip(self.ends(image, key), draws, strict=True)]

    def passes(self, targets: int, reads: Sequence[Read], count: int | None = None) -> dict[str, int]:
        """See `Sweep.passes`: the tape tells the score at every baseline.

        A model whose operations may blow up rounding takes a forward pass more for each, at the nudged baseline.
        """
        return {**super().passes(targets, reads, count), "forward": 2 * self.count}

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return (_Parts if self.rule.in_parts else _Against)(image, self.ends(image, key))


class _Against(Points):
    is_image = True

    def __init__(self, image: Tensor, origins: list[Tensor]) -> None:
        self.image, self.origins = image, origins
        self.weights = torch.full((len(origins),), 1 / len(origins), dtype=image.dtype, device=image.device)

    def at(self, indices: range) -> Tensor:
        return torch.stack([self.image] * len(indices))

    def reference(self, indices: range) -> Tensor:
        return torch.stack([self.origins[i] for i in indices])

    def input_change(self, indices: range) -> Tensor:
        return self.at(indices) - self.reference(indices)


class _Parts(Points):
    """What rises on the way from each baseline to the image, what falls, and the image, which adds nothing."""

    together = 3

    def __init__(self, image: Tensor, origins: list[Tensor]) -> None:
        self.image, self.origins = image, origins
        share = 1 / len(origins)
        self.weights = torch.tensor([share, share, 0] * len(origins), dtype=image.dtype, device=image.device)

    def at(self, indices: range) -> Tensor:
        return torch.stack([self._row(i) for i in indices])

    def _row(self, index: int) -> Tensor:
        way = (torch.maximum, torch.minimum, None)[index % 3]
        return self.image if way is None else way(self.image, self.origins[index // 3])

    def reference(self, indices: range) -> Tensor:
        return torch.stack([self.origins[i // 3] for i in indices])

    def input_change(self, indices: range) -> Tensor:
        return self.at(indices) - self.reference(indices)
