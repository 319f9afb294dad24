"""Sparseness: the Gini index of the map's magnitudes (Chalasani et al. 2020, arXiv:1810.06583)."""

from __future__ import annotations

import torch

from torchesegeta.metrics.base import Case, MapMetric, Measurement
from torchesegeta.metrics.registry import register


@register("gini")
class Gini(MapMetric):
    """How unevenly the map's magnitude is spread: 0 where it is the same everywhere, near 1 where few hold all."""

    title = "Sparseness (Gini index)"
    family = "Complexity"
    source = "Chalasani et al. 2020, arXiv:1810.06583"
    better = "higher"
    span = "0 to 1"
    on_image = False

    def measure(self, case: Case) -> Measurement:
        """Of all values, channels included."""
        sizes = case.values.double().abs().flatten().sort().values
        total, count = float(sizes.sum()), len(sizes)
        ranks = torch.arange(1, count + 1, dtype=torch.float64)
        return Measurement(float(((2 * ranks - count - 1) * sizes).sum()) / (count * total))
