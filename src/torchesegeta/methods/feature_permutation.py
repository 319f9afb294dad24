"""Feature permutation: the score's drop when a feature comes from another image (Fisher et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.features import GRID, FeaturesField
from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.mask_method import FEATURES_TEXT, Drops
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Exchange, Mask, Read, Readout, Sweep


@register("feature_permutation")
class FeaturePermutation(Method):
    """How far the score drops when a feature is exchanged between images; explain a list of at least two."""

    title = "Feature permutation"
    family = "Mask"
    source = "Fisher et al. 2019, arXiv:1801.01489"
    quantity = "drop of the score"
    reads = Read.SCORE
    fewest_images = 2

    features: FeaturesField = Field(GRID, description=FEATURES_TEXT)
    permutations: int = Field(1, ge=1, le=10_000, description="How often each feature is exchanged.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One mask per feature and permutation."""
        return (Mask(Exchange(self.features, self.permutations)),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return _MeanDrops()


@dataclass
class _MeanDrops(Drops):
    """The mean drop of each feature over the permutations."""

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.regions is not None
        return self.regions.spread(torch.cat(self.drops).view(-1, self.regions.count).mean(0))
