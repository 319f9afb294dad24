"""`error`: what a segmentation got wrong, or right, against the image's label: "why did it miss this vessel?"."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from torchesegeta.errors import IncompatibleError
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
    regions,
    require_spatial,
)
from torchesegeta.types import Image

WORDS = {
    "false_negative": "false negatives",
    "false_positive": "false positives",
    "true_positive": "true positives",
    "dice": "soft Dice",
}


class ErrorTarget(Target):
    """The sum (or mean) of a class's scores over the voxels that are wrong, or right, against the image's label.

    Or the soft Dice coefficient, 2 Σ p·l / (Σ p + Σ l), of the class's probabilities p and the label l. The label holds
    class indices, on the model's grid.
    """

    kind: Literal["error"] = "error"
    error: Literal["false_negative", "false_positive", "true_positive", "dice"] = Field(
        description="Which voxels: missed, invented or found; or the soft Dice of all."
    )
    classes: Classes | None = Field(
        None, description="Class names or indices; without: every class that has such voxels, for dice in the label."
    )
    score: ScoreKind = Field("logit", description="The raw output, its probability, or its log-odds, per voxel.")
    reduce: Reduction = Field("sum", description="Sum or mean over the voxels.")

    @model_validator(mode="after")
    def _dice_has_no_voxels(self) -> ErrorTarget:
        useless = [name for name in ("score", "reduce", "frozen") if getattr(self, name) != _default(name)]
        if self.error == "dice" and useless:
            raise ValueError(f"a soft Dice is made of probabilities of all voxels: leave out {', '.join(useless)}")
        return self

    def bind(self, output: Tensor, image: Image, info: OutputInfo) -> BoundTarget:
        """See `Target.bind`."""
        require_spatial(output, image, "error")
        label = _label(output, image)
        classes = range(info.classes(output))
        found = [self._voxels(output, label, index, info) for index in classes]
        some = [bool(voxels.any()) for voxels in found]
        indices = info.indices(self.classes, output) if self.classes is not None else [c for c in classes if some[c]]
        if not indices:
            raise IncompatibleError(f"no class has {self._lacking} in image {image.name!r}")
        names = {index: f"{_called(index, info)} {WORDS[self.error]}" for index in indices}
        lost = {names[c]: self._why_empty(c, label, info) for c in indices if not some[c]}
        if self.error == "dice":
            inside = torch.stack([found[c] for c in indices], 1)
            return BoundTarget(
                tuple(names.values()),
                tuple(indices),
                lambda raw: soft_dice(chosen(class_scores(raw, info, "probability"), indices), inside),
                linear=False,
                incompatible=lost,
            )
        summed = RegionSum(torch.stack([found[c] for c in indices], 1), self.reduce)

        def score(raw: Tensor) -> Tensor:
            now = summed
            if not self.frozen:
                now = RegionSum(torch.stack([self._voxels(raw, label, c, info) for c in indices], 1), self.reduce)
            return now(chosen(class_scores(raw, info, self.score), indices))

        linear = self.frozen and self.score == "logit"
        return BoundTarget(
            tuple(names.values()),
            tuple(indices),
            score,
            linear=linear,
            incompatible=lost,
            within=partial(logits_within, summed, info, indices) if linear else None,
        )

    def class_references(self) -> tuple[ClassReference, ...]:
        """See `Target.class_references`."""
        return self.classes or ()

    def _voxels(self, output: Tensor, label: Tensor, index: int, info: OutputInfo) -> Tensor:
        """(B, *spatial), boolean; for dice those of the label."""
        there = (label == index)[None]
        if self.error == "dice":
            return there
        predicted = regions(output.detach(), info)[:, index]
        match self.error:
            case "false_negative":
                return there & ~predicted
            case "false_positive":
                return predicted & ~there
            case _:
                return predicted & there

    @property
    def _lacking(self) -> str:
        return "voxels in the label" if self.error == "dice" else WORDS[self.error]

    def _why_empty(self, index: int, label: Tensor, info: OutputInfo) -> str:
        reason = f"class {info.name(index)!r} has no {self._lacking} in this image"
        values = torch.unique(label).tolist()
        if index in values or self.error == "false_positive":
            return reason
        shown = ", ".join(f"{value:g}" for value in values[:8]) + (", …" if len(values) > 8 else "")
        return f"{reason}: the label holds the values {shown}, and the class is {index}"


def _default(name: str) -> object:
    return ErrorTarget.model_fields[name].default


def _called(index: int, info: OutputInfo) -> str:
    return info.name(index) if index < len(info.class_names) else f"class {index}"


def soft_dice(p: Tensor, inside: Tensor) -> Tensor:
    """2 Σ p·l / (Σ p + Σ l) over space: (B, K).

    Args:
        p: (B, K, *spatial), probabilities.
        inside: (1, K, *spatial), boolean.
    """
    both = (p * inside).flatten(2).sum(2)
    return 2 * both / (p.flatten(2).sum(2) + inside.flatten(2).sum(2)).clamp(min=torch.finfo(p.dtype).tiny)


def _label(output: Tensor, image: Image) -> Tensor:
    """The label on the output's device.

    Raises:
        IncompatibleError: There is none, or it lies on another grid.
    """
    if image.label is None:
        raise IncompatibleError(f"target.kind 'error' needs a label, and image {image.name!r} has none")
    if tuple(image.label.shape) != tuple(output.shape[2:]):
        raise IncompatibleError(
            f"target.kind 'error': the label of image {image.name!r} has the shape {tuple(image.label.shape)}, the "
            f"model's output {tuple(output.shape[2:])}"
        )
    return image.label.to(output.device)
