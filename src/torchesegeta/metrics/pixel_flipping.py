"""Pixel flipping (Bach et al. 2015, doi:10.1371/journal.pone.0130140)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import BaselineField
from torchesegeta.features import VOXELS, FeaturesField
from torchesegeta.metrics.curve_metric import even_shares
from torchesegeta.metrics.registry import register
from torchesegeta.metrics.removal_metric import RemovalMetric
from torchesegeta.sweeps import Flipped, Plain, Ranked


@register("pixel_flipping")
class PixelFlipping(RemovalMetric):
    """How fast the score falls while the voxels that the map ranks highest are flipped first.

    The curve is the published figure. The value is the area under it, scaled as that of `deletion`: 1 for the score of
    the image, 0 for that of the image flipped as a whole.
    """

    title = "Pixel flipping"
    source = "Bach et al. 2015, doi:10.1371/journal.pone.0130140"

    steps: int | None = Field(
        32, ge=1, description="Number of changed images, the last of which is flipped as a whole; null: voxel by voxel."
    )
    features: FeaturesField = Field(VOXELS, description="What is flipped as one; ranked by its mean in the map.")
    baseline: BaselineField | None = Field(
        None,
        description="What voxels become; without: their value mirrored in the range of their channel, so that black "
        "becomes white.",
    )

    @property
    def points(self) -> int:
        """The number of steps, where it is known before the image is."""
        return self.steps or 1

    @property
    def ranked(self) -> Ranked:
        """See `CurveMetric.ranked`."""
        fill = Flipped() if self.baseline is None else Plain(self.baseline)
        shares = None if self.steps is None else even_shares(self.steps)
        return Ranked(self.features, fill, shares, sign=self.sign)
