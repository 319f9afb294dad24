"""Relevance rank accuracy: of as many voxels as the object has, how many hit (Arras et al. 2022, arXiv:2003.07258)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.label_metric import LabelMetric, hits_of_largest
from torchesegeta.metrics.registry import register


@register("relevance_rank")
class RelevanceRank(LabelMetric):
    """Of the voxels with most evidence, as many as the object has, the share that lies in it."""

    title = "Relevance rank"
    source = "Arras et al. 2022, arXiv:2003.07258"
    better = "higher"
    span = "0 to 1"

    def judge(self, evidence: Tensor, inside: Tensor) -> Measurement:
        """See `LabelMetric.judge`."""
        count = int(inside.sum())
        return Measurement(hits_of_largest(evidence, inside, count) / count)
