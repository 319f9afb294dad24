"""`multiclass`: for each class, its scores over the voxels predicted as it (Chatterjee et al. 2022, eqs. 15-16)."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field
from torch import Tensor

from torchesegeta.targets.base import (
    BoundTarget,
    Classes,
    ClassReference,
    OutputInfo,
    Reduction,
    RegionSum,
    ScoreKind,
    Target,
    chosen,
    class_scores,
    logits_within,
    names_of,
    regions,
    require_spatial,
)
from torchesegeta.types import Image


class MulticlassTarget(Target):
    """Sum (or mean) of each class's scores over the voxels that are predicted as it."""

    kind: Literal["multiclass"] = "multiclass"
    classes: Classes | None = Field(
        None, description="Class names or indices; without: every class that is predicted somewhere."
    )
    score: ScoreKind = Field("logit", description="The raw output, its probability, or its log-odds, per voxel.")
    reduce: Reduction = Field("sum", description="Sum or mean over the region.")
    count: bool = Field(
        False, description="Count the voxels, as the paper prints it: piecewise constant, so for mask sweeps only."
    )

    def bind(self, output: Tensor, image: Image, info: OutputInfo) -> BoundTarget:
        """See `Target.bind`."""
        require_spatial(output, image, "multiclass")
        where = regions(output, info)
        predicted = where[0].flatten(1).any(1).tolist()
        wanted = info.indices(self.classes or (), output)
        indices = wanted if self.classes is not None else [c for c, some in enumerate(predicted) if some]
        missing = {
            info.name(c): f"class {info.name(c)!r} is predicted nowhere in this image"
            for c in indices
            if not predicted[c]
        }
        fixed = RegionSum(chosen(where, indices).clone(), self.reduce) if self.frozen else None

        def score(raw: Tensor) -> Tensor:
            if self.count:
                return chosen(regions(raw, info), indices).flatten(2).sum(2).to(raw.dtype)
            summed = fixed or RegionSum(chosen(regions(raw, info), indices), self.reduce)
            return summed(chosen(class_scores(raw, info, self.score), indices))

        linear = self.frozen and not self.count and self.score == "logit"
        return BoundTarget(
            names_of(indices, info),
            tuple(indices),
            score,
            differentiable=not self.count,
            linear=linear,
            incompatible=missing,
            within=partial(logits_within, fixed, info, indices) if linear and fixed is not None else None,
        )

    def class_references(self) -> tuple[ClassReference, ...]:
        """See `Target.class_references`."""
        return self.classes or ()
