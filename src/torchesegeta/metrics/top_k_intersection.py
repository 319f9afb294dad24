"""Top-k intersection: how many of the strongest voxels lie in the object (Theiner et al. 2022, arXiv:2104.14995)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.label_metric import LabelMetric, hits_of_largest
from torchesegeta.metrics.registry import register


@register("top_k_intersection")
class TopKIntersection(LabelMetric):
    """Of a given share of the image's voxels, those with most evidence, the part that lies in the object.

    `recall` is the part of the object that they cover, `iou` their intersection over union.
    """

    title = "Top-k intersection"
    source = "Theiner et al. 2022, arXiv:2104.14995"
    better = "higher"
    span = "0 to 1"

    share: float = Field(0.05, gt=0, le=1, description="Share of the image's voxels that is looked at.")

    def judge(self, evidence: Tensor, inside: Tensor) -> Measurement:
        """See `LabelMetric.judge`."""
        count, size = max(1, round(self.share * evidence.numel())), int(inside.sum())
        hits = hits_of_largest(evidence, inside, count)
        return Measurement(hits / count, {"recall": hits / size, "iou": hits / (count + size - hits)})
