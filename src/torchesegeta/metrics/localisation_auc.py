"""Localisation AUC: does more evidence mean inside the object? (Fawcett 2006, doi:10.1016/j.patrec.2005.10.010)."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.label_metric import LabelMetric
from torchesegeta.metrics.registry import register


@register("localisation_auc")
class LocalisationAuc(LabelMetric):
    """The chance that a voxel of the object has more evidence than one outside: the area under the ROC curve.

    0.5 is chance, also for an even map.
    """

    title = "Localisation AUC"
    source = "Fawcett 2006, doi:10.1016/j.patrec.2005.10.010"
    better = "higher"
    span = "0 to 1"

    def judge(self, evidence: Tensor, inside: Tensor) -> Measurement:
        """See `LabelMetric.judge`."""
        from sklearn.metrics import roc_auc_score

        return Measurement(float(roc_auc_score(inside.flatten().numpy(), evidence.flatten().numpy())))
