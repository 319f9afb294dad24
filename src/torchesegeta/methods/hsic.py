"""HSIC: how far the score depends on whether a feature is there (Novello et al. 2022, arXiv:2206.06219)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context
from torchesegeta.methods.mask_method import FeatureMethod, partition_of
from torchesegeta.methods.readouts import need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Coins, Mask, Readout, Sample, Sweep


@register("hsic")
class Hsic(FeatureMethod):
    """How far the score depends on a feature's presence, by the Hilbert-Schmidt independence criterion.

    The kernel of presence is 1 where two masks agree, that of the score a Gaussian as wide as the median distance.
    """

    title = "HSIC"
    source = "Novello et al. 2022, arXiv:2206.06219"
    quantity = "dependence of the score"

    samples: int = Field(1000, ge=4, le=20_000, description="Random masks; memory grows with their square.")

    @property
    def signed(self) -> bool:
        """A dependence has no sign."""
        return False

    def sweeps(self) -> tuple[Sweep, ...]:
        """One series of masks."""
        return (Mask(Coins(self.features, self.samples), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return _Dependence()


@dataclass
class _Dependence:
    rows: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.rows.append(need(sample.rows).bool())
        self.scores.append(need(sample.scores).double())
        self.regions = partition_of(sample)

    def finish(self) -> Tensor:
        """See `Readout.finish`: tr(K H L H) / (n − 1)², with 2 zᵀ H L H z for the trace since H removes the mean."""
        rows, scores = torch.cat(self.rows).double(), torch.cat(self.scores)
        apart = (scores[:, None] - scores).abs()
        width = apart[apart > 0].median() if bool((apart > 0).any()) else None
        if width is None:
            raise IncompatibleError("the score is the same for every mask")
        kernel = (-(apart**2) / (2 * width**2)).exp()
        centred = kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
        dependence = 2 * torch.einsum("nf,nm,mf->f", rows, centred, rows) / (len(rows) - 1) ** 2
        return self.regions.spread(dependence.clamp(min=0))
