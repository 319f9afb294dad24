"""Complexity: the entropy of the map's shares of magnitude (Bhatt et al. 2020, arXiv:2005.00631)."""

from __future__ import annotations

import math

from torchesegeta.metrics.base import Case, MapMetric, Measurement
from torchesegeta.metrics.registry import register


@register("entropy")
class Entropy(MapMetric):
    """Over how many places the map's magnitude is spread: the entropy of each value's share of it, in nats.

    0 where one voxel holds all, log n where all n values are equal. `relative` is the value over log n.
    """

    title = "Complexity (entropy)"
    family = "Complexity"
    source = "Bhatt et al. 2020, arXiv:2005.00631"
    better = "lower"
    span = "0 to the logarithm of the number of values"
    on_image = False

    def measure(self, case: Case) -> Measurement:
        """Of all values, channels included."""
        sizes = case.values.double().abs().flatten()
        most, total = math.log(len(sizes)), float(sizes.sum())
        shares = sizes[sizes > 0] / total
        value = float(-(shares * shares.log()).sum())
        return Measurement(value, {"relative": value / most if most else 0.0})
