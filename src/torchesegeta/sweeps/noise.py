"""`Noise`: the image plus Gaussian noise, and random points between it and baselines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from torchesegeta.baselines import Baseline
from torchesegeta.draws import generator, normal
from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import Points, Read, Sweep


@dataclass(frozen=True)
class Noise(Sweep):
    """`samples` passes at random points.

    Without baselines a point is x + n, n ~ N(0, (sigma · range of the image)²) (Smilkov et al. 2017). With baselines
    it is c · (x + n) + (1 − c) · b for a random c in [0, 1) and a random baseline b (Lundberg & Lee 2017); its span
    then runs from b to x + n. A rule changes the gradients, not the draws.
    """

    samples: int = 50
    sigma: float = 0.15
    baselines: tuple[Baseline, ...] = ()
    rule: Rule | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """The number of samples."""
        return self.samples

    @property
    def span_corners(self) -> int:
        """Two for each sample, at most."""
        return 2 * self.samples

    def passes(self, targets: int, reads: Sequence[Read], count: int | None = None) -> dict[str, int]:
        """See `Sweep.passes`: a rule is checked in one plain pass more."""
        planned = super().passes(targets, reads, count)
        return {**planned, "forward": planned["forward"] + (self.rule is not None)}

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        key = f"{key}|{replace(self, samples=0)!r}"
        origins = [b.resolve(image, seed=f"{key}|{i}") for i, b in enumerate(self.baselines)]
        return _Mixed(image, self, key, origins) if origins else _Noisy(image, self, key)


def noise_at(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """Draw `index` of standard normal noise."""
    return normal(shape, key, index)


def mixing_at(count: int, key: str, index: int) -> tuple[float, int]:
    """Draw `index` of the mixing coefficient in [0, 1) and of the baseline among `count`."""
    source = generator(f"{key}|mixing", index)
    share = torch.rand((), generator=source, dtype=torch.float32, device="cpu")
    return float(share), int(torch.randint(count, (), generator=source, device="cpu"))


class _Noisy(Points):
    def __init__(self, image: Tensor, sweep: Noise, key: str) -> None:
        self.image, self.key = image, key
        self.scale = sweep.sigma * float(image.max() - image.min())
        self.weights = torch.full((sweep.samples,), 1 / sweep.samples, dtype=image.dtype, device=image.device)

    def noisy(self, index: int) -> Tensor:
        draw = noise_at(tuple(self.image.shape), self.key, index).to(self.image)
        return self.image.add(draw, alpha=self.scale)

    def at(self, indices: range) -> Tensor:
        return torch.stack([self.noisy(i) for i in indices])


class _Mixed(_Noisy):
    def __init__(self, image: Tensor, sweep: Noise, key: str, origins: list[Tensor]) -> None:
        super().__init__(image, sweep, key)
        self.origins = origins

    def at(self, indices: range) -> Tensor:
        points = []
        for i in indices:
            share, which = mixing_at(len(self.origins), self.key, i)
            points.append(torch.lerp(self.origins[which], self.noisy(i), share))
        return torch.stack(points)

    def span(self, index: int) -> tuple[Hashable, Hashable]:
        return ("baseline", mixing_at(len(self.origins), self.key, index)[1]), ("noisy", index)

    def corner(self, name: Hashable) -> Tensor:
        assert isinstance(name, tuple)
        kind, index = name
        return self.origins[index] if kind == "baseline" else self.noisy(index)

    def input_change(self, indices: range) -> Tensor:
        spans = [self.span(i) for i in indices]
        return torch.stack([self.corner(end) - self.corner(start) for start, end in spans])
