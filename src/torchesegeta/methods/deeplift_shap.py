"""DeepLIFT over a distribution of baselines (Lundberg & Lee 2017, arXiv:1705.07874)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, Baseline, BaselinesField
from torchesegeta.methods.deeplift_method import DeepLiftMethod
from torchesegeta.methods.registry import register


@register("deeplift_shap")
class DeepLiftShap(DeepLiftMethod):
    """The mean of DeepLIFT over several baselines: an approximation of Shapley values."""

    title = "DeepLIFT SHAP"
    source = "Lundberg & Lee 2017, arXiv:1705.07874"

    baselines: BaselinesField = Field((ZERO,), description="One baseline or several; the map is the mean over all.")

    def origins(self) -> tuple[Baseline, ...]:
        """The baselines."""
        return self.baselines
