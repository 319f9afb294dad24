"""The pointing game: does the map's maximum hit the object? (Zhang et al. 2016, arXiv:1608.00507)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.metrics.base import Measurement
from torchesegeta.metrics.label_metric import LabelMetric
from torchesegeta.metrics.registry import register


@register("pointing_game")
class PointingGame(LabelMetric):
    """Whether the map's maximum lies in the object: 1 or 0; of several equal maxima the share that do."""

    title = "Pointing game"
    source = "Zhang et al. 2016, arXiv:1608.00507"
    better = "higher"
    span = "0 to 1"

    tolerance: float = Field(0, ge=0, description="Voxels that the maximum may be away from the object.")

    def judge(self, evidence: Tensor, inside: Tensor) -> Measurement:
        """See `LabelMetric.judge`."""
        hit = _within(inside, self.tolerance) if self.tolerance else inside
        largest = evidence == evidence.max()
        return Measurement(float(hit[largest].double().mean()))


def _within(inside: Tensor, voxels: float) -> Tensor:
    from scipy.ndimage import distance_transform_edt

    return torch.from_numpy(distance_transform_edt(~inside.numpy()) <= voxels)
