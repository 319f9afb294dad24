"""`class`: the score of given classes, or of the predicted one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.targets.base import (
    BoundTarget,
    Classes,
    ClassReference,
    OutputInfo,
    ScoreKind,
    Target,
    class_scores,
    names_of,
    probabilities,
)
from torchesegeta.targets.multiclass import MulticlassTarget
from torchesegeta.types import Image


class ClassTarget(Target):
    """Logit, probability or log-odds of classes of a classification.

    On a segmentation it means the same as `multiclass`: each class is scored over the voxels predicted as it.
    """

    kind: Literal["class"] = "class"
    classes: Classes | None = Field(None, description="Class names or indices; without: the predicted class.")
    score: ScoreKind = Field("logit", description="The raw output, its probability, or its log-odds.")

    def bind(self, output: Tensor, image: Image, info: OutputInfo) -> BoundTarget:
        """See `Target.bind`."""
        if output.ndim > 2:
            same = MulticlassTarget(classes=self.classes, score=self.score, frozen=self.frozen)
            return same.bind(output, image, info)
        indices = self._indices(output, info)
        return BoundTarget(
            names_of(indices, info),
            tuple(indices),
            lambda raw: class_scores(raw, info, self.score)[:, indices],
            linear=self.score == "logit",
            rival=lambda raw: _best_others(class_scores(raw, info, self.score), indices),
        )

    def _indices(self, output: Tensor, info: OutputInfo) -> list[int]:
        if self.classes is not None:
            return info.indices(self.classes, output)
        p = probabilities(output, info)
        return [int(p[0, 0] > 0.5)] if output.shape[1] == 1 else [int(p[0].argmax())]

    def class_references(self) -> tuple[ClassReference, ...]:
        """See `Target.class_references`."""
        return self.classes or ()


def _best_others(scores: Tensor, indices: Sequence[int]) -> Tensor:
    """Of scores (B, classes) the best but for each given class: (B, K)."""
    others = [torch.cat([scores[:, :k], scores[:, k + 1 :]], 1).amax(1) for k in indices]
    return torch.stack(others, 1)
