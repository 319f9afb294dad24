"""What metrics of localisation share: the object in the label, and the evidence of a map."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.metrics.base import Case, MapMetric, Measurement


class LabelMetric(MapMetric):
    """A metric that asks whether the map points at an object of the image's label.

    A map that is even has the object's share of the image as its value: what chance gives.
    """

    family = "Localisation"
    needs_label = True

    sign: Literal["positive", "absolute"] = Field(
        "positive",
        description="What counts as evidence, once the channels are summed: what speaks for the target, or magnitude.",
    )
    label_value: int | None = Field(None, description="Value of the object in the label; without: the target's class.")

    @abstractmethod
    def judge(self, evidence: Tensor, inside: Tensor) -> Measurement:
        """Judge the evidence, (*spatial), against an object (*spatial), which is neither empty nor all."""

    def measure(self, case: Case) -> Measurement:
        """See `MapMetric.measure`."""
        inside, summed = self._object(case), case.on_image.double().sum(0)
        found = self.judge(summed.abs() if self.sign == "absolute" else summed, inside)
        return Measurement(found.value, {**found.measures, "object_share": float(inside.double().mean())})

    def _object(self, case: Case) -> Tensor:
        value = case.attribution.target_index if self.label_value is None else self.label_value
        assert case.image.label is not None, "looked at before"
        if value is None:
            raise IncompatibleError("the map explains no class, so the label does not say which object it is about")
        inside = case.image.label == value
        if not bool(inside.any()) or bool(inside.all()):
            some = "nowhere" if not bool(inside.any()) else "everywhere"
            raise IncompatibleError(f"the label of {case.image.name!r} has the value {value} {some}")
        return inside


def hits_of_largest(evidence: Tensor, inside: Tensor, count: int) -> float:
    """How many of the `count` voxels with most evidence lie inside; equal ones count in proportion."""
    values = evidence.flatten()
    least = values.topk(count).values[-1]
    above, equal = values > least, values == least
    within = inside.flatten()
    left = count - int(above.sum())
    return float((above & within).sum()) + left * float((equal & within).sum()) / float(equal.sum())


def positive(evidence: Tensor) -> Tensor:
    """What is above 0.

    Raises:
        IncompatibleError: Nothing is.
    """
    above = evidence.clamp(min=0)
    if not bool((above > 0).any()):
        raise IncompatibleError("the map has no positive evidence; for maps of magnitude use sign 'absolute'")
    return torch.as_tensor(above)
