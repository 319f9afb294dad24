"""DeepLIFT: a share of the score's change for every voxel (Shrikumar et al. 2017, arXiv:1704.02685)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, Baseline, BaselineField
from torchesegeta.methods.deeplift_method import DeepLiftMethod
from torchesegeta.methods.registry import register


@register("deeplift")
class DeepLift(DeepLiftMethod):
    """Each voxel's share of the score's change from a baseline to the image, by differences instead of slopes.

    One pass at the baseline, one at the image, one back. The shares add up to the change.
    """

    title = "DeepLIFT"
    source = "Shrikumar et al. 2017, arXiv:1704.02685"

    baseline: BaselineField = Field(ZERO, description="What stands for 'nothing there': a value, a name or an image.")

    def origins(self) -> tuple[Baseline, ...]:
        """The one baseline."""
        return (self.baseline,)
