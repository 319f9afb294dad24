"""Effective size: how few voxels hold most of the map (after Nguyen & Martínez 2020, arXiv:2007.07584)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.metrics.base import Case, MapMetric, Measurement
from torchesegeta.metrics.registry import register


@register("effective_size")
class EffectiveSize(MapMetric):
    """The smallest part of the values that holds a given share of the map's magnitude.

    `values` is their number.
    """

    title = "Effective size"
    family = "Complexity"
    source = "after Nguyen & Martínez 2020, arXiv:2007.07584"
    better = "lower"
    span = "0 to 1"
    on_image = False

    share: float = Field(0.9, gt=0, lt=1, description="Share of the magnitude that they hold together.")

    def measure(self, case: Case) -> Measurement:
        """Of all values, channels included."""
        sizes = case.values.double().abs().flatten().sort(descending=True).values
        held = sizes.cumsum(0)
        total = float(held[-1])
        needed = int((held < self.share * total * (1 - 1e-12)).sum()) + 1
        return Measurement(needed / len(sizes), {"values": float(needed)})
