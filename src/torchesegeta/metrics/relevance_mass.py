"""Relevance mass accuracy: the share of the map that lies in the object (Arras et al. 2022, arXiv:2003.07258)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.label_metric import LabelMetric, positive
from torchesegeta.metrics.registry import register


@register("relevance_mass")
class RelevanceMass(LabelMetric):
    """The share of the map's evidence that lies in the object."""

    title = "Relevance mass"
    source = "Arras et al. 2022, arXiv:2003.07258"
    better = "higher"
    span = "0 to 1"

    def judge(self, evidence: Tensor, inside: Tensor) -> Measurement:
        """See `LabelMetric.judge`."""
        mass = positive(evidence)
        return Measurement(float(mass[inside].sum() / mass.sum()))
