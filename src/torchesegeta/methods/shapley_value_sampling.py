"""Shapley values from sampled permutations (Castro et al. 2009, doi:10.1016/j.cor.2008.04.004)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.features import Partition
from torchesegeta.methods.base import Context
from torchesegeta.methods.estimator import Estimator
from torchesegeta.methods.mask_method import FeatureMethod, partition_of
from torchesegeta.methods.readouts import need, with_share
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Mask, Permutations, Readout, Sample, Sweep


@register("shapley_value_sampling")
class ShapleyValueSampling(Estimator, FeatureMethod):
    """Each feature's mean contribution when features join in random orders; the contributions add up to the score.

    The sum over features is score(image) − score(baseline) exactly; every voxel shows its feature's value.
    """

    title = "Shapley value sampling"
    source = "Castro et al. 2009, doi:10.1016/j.cor.2008.04.004"
    quantity = "share of the score"
    draws = "permutations"
    relative_to = "the largest value"
    large_error = 0.1

    permutations: int = Field(25, ge=1, le=100_000, description="Orders in which the features join.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One mask per step of an order."""
        return (Mask(Permutations(self.features, self.permutations), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return self.stopping(_Contributions(context.score_change or 0.0))

    def points_per_draw(self, sample: Sample) -> int:
        """The steps of an order but the last."""
        return partition_of(sample).count - 1


@dataclass
class _Contributions:
    """Mean and variance of the features' marginal contributions over the orders, by Welford's update."""

    change: float
    regions: Partition | None = None
    count: int = 0

    @property
    def sound(self) -> bool:
        """Once there is a whole order."""
        return self.count > 0

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        if self.regions is None:
            self.regions = partition_of(sample)
            self.mean, self.squares, self.current = need(sample.rows).new_zeros((3, self.regions.count)).double()
        for row, score in zip(need(sample.rows) > 0, need(sample.scores).tolist(), strict=True):
            self._step(row, score, sample.whole_score)

    def _step(self, row: Tensor, score: float, whole: float) -> None:
        size = int(row.sum())
        if size == 1:
            self.before, self.last = torch.zeros_like(row), whole - self.change
        self.current[row & ~self.before] = score - self.last
        self.before, self.last = row, score
        if size == len(row) - 1:
            self.current[~row] = whole - score
            self.count += 1
            difference = self.current - self.mean
            self.mean += difference / self.count
            self.squares += difference * (self.current - self.mean)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.regions is not None
        return self.regions.spread(self.mean)

    def measures(self) -> dict[str, float]:
        """The largest standard error of a feature, and its share of the largest value."""
        if self.count < 2:
            return {}
        error = float((self.squares / (self.count * (self.count - 1))).sqrt().max())
        return with_share(error, float(self.mean.abs().max()))
