"""Sobol indices: shares of the score's variance (Fel et al. 2021, arXiv:2111.04138)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Partition
from torchesegeta.methods.base import Context
from torchesegeta.methods.mask_method import FeatureMethod, partition_of
from torchesegeta.methods.readouts import need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Mask, Readout, Replicated, Sample, Sweep


@register("sobol")
class Sobol(FeatureMethod):
    """The share of the score's variance that a feature has a part in, alone or with others, when features fade."""

    title = "Sobol total indices"
    source = "Fel et al. 2021, arXiv:2111.04138"
    quantity = "share of the score's variance"

    samples: int = Field(32, ge=2, le=100_000, description="Points of the sequence; each costs one pass per feature.")

    @property
    def signed(self) -> bool:
        """Variances have no sign."""
        return False

    def sweeps(self) -> tuple[Sweep, ...]:
        """Each point, and the point with one feature changed."""
        return (Mask(Replicated(self.features, self.samples), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return _Jansen()


@dataclass
class _Jansen:
    """Jansen's estimator: mean (a − c)² / 2 over the variance of a, c being a with one feature changed."""

    regions: Partition | None = None

    def start(self) -> None:
        """See `Readout.start`."""
        self.scores: list[Tensor] = []

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.regions = partition_of(sample)
        self.scores.append(need(sample.scores).double())

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.regions is not None
        scores = torch.cat(self.scores).view(-1, self.regions.count + 1)
        variance = scores[:, 0].var()
        if not float(variance) > 0:
            raise IncompatibleError("the score does not vary when features fade")
        halves = (scores[:, :1] - scores[:, 1:]).square() / (2 * variance)
        self.error = float((halves.var(0) / len(halves)).sqrt().max())
        return self.regions.spread(halves.mean(0))

    def measures(self) -> dict[str, float]:
        """The largest standard error of an index, the variance taken as known."""
        return {"standard_error": self.error}
