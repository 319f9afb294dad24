"""Feature ablation: score(x) − score(x with the feature replaced)."""

from __future__ import annotations

from torchesegeta.methods.base import Context
from torchesegeta.methods.mask_method import Drops, FeatureMethod
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Mask, OneOut, Readout, Sweep


@register("feature_ablation")
class FeatureAblation(FeatureMethod):
    """How far the score drops when a feature is replaced by the baseline."""

    title = "Feature ablation"
    source = "Zeiler & Fergus 2014, arXiv:1311.2901"
    quantity = "drop of the score"

    def sweeps(self) -> tuple[Sweep, ...]:
        """One mask per feature."""
        return (Mask(OneOut(self.features), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return Drops()
