"""`region`: a class's score over a given mask, box, voxel or connected component: "explain this lesion"."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.errors import IncompatibleError
from torchesegeta.targets.base import (
    BoundTarget,
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


def _mask(value: Any) -> Any:
    return ArrayValue.parse(value) if isinstance(value, Tensor | np.ndarray | ArrayValue) else value


def _classes(value: Any) -> Any:
    return (value,) if isinstance(value, int | str) else value


class RegionTarget(Target):
    """The sum (or mean) of class scores over a region that the user gives.

    Boxes, voxels and seeds are indices on the model's grid: the image after preprocessing.
    """

    kind: Literal["region"] = "region"
    classes: Annotated[tuple[ClassReference, ...], BeforeValidator(_classes)] = Field(
        alias="class", min_length=1, description="Class name or index, or several."
    )
    mask: Annotated[Path | ArrayValue, BeforeValidator(_mask)] | None = Field(
        None, description="A label file on the image's grid (non-zero is inside), or an array (*spatial) from Python."
    )
    box: tuple[tuple[int, int], ...] | None = Field(None, description="[start, stop) along each spatial axis.")
    voxel: tuple[int, ...] | None = Field(None, description="One voxel.")
    component: tuple[int, ...] | Literal["largest"] | None = Field(
        None, description="The connected component of the predicted class that holds this voxel, or the largest one."
    )
    score: ScoreKind = Field("logit", description="The raw output, its probability, or its log-odds, per voxel.")
    reduce: Reduction = Field("sum", description="Sum or mean over the region.")

    @model_validator(mode="after")
    def _one_region(self) -> RegionTarget:
        given = [n for n in ("mask", "box", "voxel", "component") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of mask, box, voxel, component; got {', '.join(given) or 'none'}")
        if not self.frozen:
            raise ValueError("a region is always frozen: it does not depend on the output")
        return self

    def bind(self, output: Tensor, image: Image, info: OutputInfo) -> BoundTarget:
        """See `Target.bind`."""
        require_spatial(output, image, "region")
        indices = info.indices(self.classes, output)
        where = self._regions(output, image, info, indices)
        names = names_of(indices, info)
        summed = RegionSum(where, self.reduce)
        empty = {n: self._why_empty(n) for n, inside in zip(names, where[0], strict=True) if not inside.any()}
        return BoundTarget(
            names,
            tuple(indices),
            lambda raw: summed(chosen(class_scores(raw, info, self.score), indices)),
            linear=self.score == "logit",
            incompatible=empty,
            within=partial(logits_within, summed, info, indices) if self.score == "logit" else None,
        )

    def class_references(self) -> tuple[ClassReference, ...]:
        """See `Target.class_references`."""
        return self.classes

    def _regions(self, output: Tensor, image: Image, info: OutputInfo, indices: list[int]) -> Tensor:
        """(1, K, *spatial), on the output's device; all classes share one, unless each has its component."""
        if self.component is not None:
            predicted = regions(output, info)[0]
            return torch.stack([_component(predicted[c], self.component) for c in indices])[None].to(output.device)
        inside = (self._mask_region(image) if self.mask is not None else self._box_region(image)).to(output.device)
        return inside.expand(1, len(indices), *inside.shape)

    def _box_region(self, image: Image) -> Tensor:
        inside = torch.zeros(image.shape, dtype=torch.bool, device="cpu")
        box = self.box if self.box is not None else tuple((v, v + 1) for v in self.voxel or ())
        if len(box) != image.spatial_dims:
            raise IncompatibleError(f"target.region has {len(box)} axes; the image has {image.spatial_dims}")
        for axis, ((start, stop), size) in enumerate(zip(box, image.shape, strict=True)):
            if not 0 <= start < stop <= size:
                raise IncompatibleError(
                    f"target.region [{start}, {stop}) is outside axis {axis}, which has {size} voxels"
                )
        inside[tuple(slice(*b) for b in box)] = True
        return inside

    def _why_empty(self, name: str) -> str:
        if self.component is None:
            return "the region is empty"
        if self.component == "largest":
            return f"class {name!r} is predicted nowhere in this image: it has no component"
        return f"target.component {list(self.component)} is not predicted as class {name!r}"

    def _mask_region(self, image: Image) -> Tensor:
        if isinstance(self.mask, ArrayValue):
            mask = self.mask.tensor
        else:
            from torchesegeta.inputs import read_label

            assert self.mask is not None
            mask = read_label(self.mask, image)
        if tuple(mask.shape) != image.shape:
            raise IncompatibleError(f"target.mask has shape {tuple(mask.shape)}; the image has {image.shape}")
        return mask if mask.dtype == torch.bool else mask != 0


def _component(predicted: Tensor, seed: tuple[int, ...] | str) -> Tensor:
    """The component that holds the seed, or the largest one; empty where there is none."""
    from scipy.ndimage import label

    parts, count = label(predicted.cpu().numpy())
    if isinstance(seed, str):
        chosen = int(np.bincount(parts.ravel())[1:].argmax()) + 1 if count else 0
    elif len(seed) != parts.ndim or any(not 0 <= s < size for s, size in zip(seed, parts.shape, strict=True)):
        raise IncompatibleError(f"target.component {list(seed)} is outside the image {parts.shape}")
    else:
        chosen = int(parts[seed])
    return torch.from_numpy((parts == chosen) & (chosen > 0))
