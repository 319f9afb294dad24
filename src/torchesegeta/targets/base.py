"""The protocol of targets, and how a raw output is read: probabilities, predicted classes, class names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.errors import ConfigError, IncompatibleError, unknown
from torchesegeta.types import Image
from torchesegeta.validation import Strict

Activation = Literal["softmax", "sigmoid", "none"]
ScoreKind = Literal["logit", "probability", "log_odds"]
Reduction = Literal["sum", "mean"]
ClassReference = int | str
Box = tuple[slice, ...]
SLAB = 2**20
"""Voxels that are looked at at once where a whole volume would make a copy of itself."""
Classes = Annotated[tuple[ClassReference, ...], Field(min_length=1)]


@dataclass(frozen=True)
class OutputInfo:
    """What is known of a model's output.

    Attributes:
        activation: What turns the raw output into probabilities; None: softmax over several channels, sigmoid of one.
            `none`: the output holds probabilities already.
        class_names: One per class, or empty.
    """

    activation: Activation | None = None
    class_names: tuple[str, ...] = ()

    def classes(self, output: Tensor) -> int:
        """Number of classes of an output (B, C, ...): two for a single channel."""
        return max(2, output.shape[1])

    def resolved(self, output: Tensor) -> Activation:
        """The activation, where it was left open.

        Raises:
            ConfigError: A softmax over a single channel is 1 everywhere.
        """
        if self.activation == "softmax" and output.shape[1] == 1:
            raise ConfigError("activation: 'softmax' needs several channels, the model's output has one; use 'sigmoid'")
        if self.activation is not None:
            return self.activation
        return "sigmoid" if output.shape[1] == 1 else "softmax"

    def index(self, reference: ClassReference, output: Tensor) -> int:
        """The index of a class given by name or index.

        Raises:
            ConfigError: There is no such class.
        """
        count = self.classes(output)
        if isinstance(reference, str) and reference in self.class_names:
            reference = self.class_names.index(reference)
        if isinstance(reference, str):
            names = self.class_names or map(str, range(count))
            raise ConfigError(f"target: {unknown('class', reference, names)}")
        if not 0 <= reference < count:
            raise ConfigError(f"target: class {reference} does not exist; the model has the classes 0 to {count - 1}")
        return reference

    def indices(self, references: Sequence[ClassReference], output: Tensor) -> list[int]:
        """The indices of several classes.

        Raises:
            ConfigError: There is no such class, or one stands twice.
        """
        found = [self.index(reference, output) for reference in references]
        for index in found:
            if found.count(index) > 1:
                raise ConfigError(f"target: class {self.name(index)!r} stands {found.count(index)} times")
        return found

    def name(self, index: int) -> str:
        """The name of a class, or its index as text."""
        return self.class_names[index] if index < len(self.class_names) else str(index)


@dataclass(frozen=True)
class BoundTarget:
    """A target bound to one image: a fixed function of the model's output.

    Attributes:
        names: Of the K scores.
        indices: Class index of each score, or None.
        score: Raw output (B, C, ...) to scores (B, K).
        differentiable: False for piecewise constant scores, which no gradient sweep can explain.
        linear: Whether the scores are linear in the raw output.
        incompatible: Why a score cannot be explained in this image, by name.
        rival: Raw output to the best score of any other class, (B, K); None where other classes do not compete.
        within: Of linear scores over voxels: from a box of the output's grid to the part of the scores (B, K) that
            comes from the output (B, C, *box) there; the parts of boxes that share no voxel add up to the scores. None:
            the score is not made of such parts.
    """

    names: tuple[str, ...]
    indices: tuple[int | None, ...]
    score: Callable[[Tensor], Tensor]
    differentiable: bool = True
    linear: bool = True
    incompatible: dict[str, str] = field(default_factory=dict)
    rival: Callable[[Tensor], Tensor] | None = None
    within: Callable[[Box], Callable[[Tensor], Tensor]] | None = None


class Target(Strict, ABC):
    """What is explained; `bind` fixes it on the unperturbed image and the original model."""

    frozen: bool = Field(True, description="Fix the region on the unperturbed image; else find it again at every pass.")

    @abstractmethod
    def bind(self, output: Tensor, image: Image, info: OutputInfo) -> BoundTarget:
        """Bind to an image.

        Args:
            output: Raw output for the unperturbed image, (1, C, *spatial) or (1, classes).
            image: The image.
            info: What is known of the output.

        Raises:
            ConfigError: The target names a class that does not exist.
            IncompatibleError: The target does not fit the output.
        """

    def class_references(self) -> tuple[ClassReference, ...]:
        """The classes the target names, so that a typing error is found before anything runs."""
        return ()


def probabilities(output: Tensor, info: OutputInfo) -> Tensor:
    """Class probabilities (B, C, ...) of a raw output."""
    match info.resolved(output):
        case "softmax":
            return output.softmax(1)
        case "sigmoid":
            return output.sigmoid()
        case _:
            return output


def class_scores(output: Tensor, info: OutputInfo, kind: ScoreKind = "logit") -> Tensor:
    """Scores of every class, (B, classes, ...).

    A single channel p speaks for two classes: class 1 scores as the channel, class 0 as its negative (1 − p for
    probabilities).

    Args:
        output: Raw output (B, C, ...).
        info: What is known of the output.
        kind: The raw output (`logit`), its probability, or log p / (1 − p).
    """
    if kind == "logit" or (kind == "log_odds" and info.resolved(output) == "sigmoid"):
        return torch.cat([-output, output], 1) if output.shape[1] == 1 else output
    p = probabilities(output, info)
    if output.shape[1] == 1:
        p = torch.cat([1 - p, p], 1)
    if kind == "probability":
        return p
    if info.resolved(output) == "softmax":
        return _softmax_log_odds(output)
    return torch.logit(p, eps=1e-7)


def _softmax_log_odds(output: Tensor) -> Tensor:
    others = [torch.cat([output[:, :k], output[:, k + 1 :]], 1).logsumexp(1) for k in range(output.shape[1])]
    return output - torch.stack(others, 1)


def regions(output: Tensor, info: OutputInfo) -> Tensor:
    """Where each class is predicted: boolean (B, classes, *spatial).

    Softmax and plain outputs: the largest channel wins. One channel: p > 0.5 is class 1, the rest class 0. Several
    sigmoid channels: each has its own region, which may overlap.
    """
    if output.shape[1] == 1:
        foreground = probabilities(output, info) > 0.5
        return torch.cat([~foreground, foreground], 1)
    if info.resolved(output) == "sigmoid":
        return output.sigmoid() > 0.5
    winner = _winner(output)
    classes = torch.arange(output.shape[1], device=output.device, dtype=winner.dtype)
    return winner == classes.view(1, -1, *[1] * (output.ndim - 2))


def _winner(output: Tensor) -> Tensor:
    """Index of the largest channel, the first of equals: (B, 1, *spatial), in the smallest integer type.

    Slab by slab: whole indices would take two volumes, and the maxima that come with them a third.
    """
    small = torch.int8 if output.shape[1] <= torch.iinfo(torch.int8).max else torch.int64
    found = torch.empty_like(output[:, :1], dtype=small)
    for slab in slabs(output.shape[2:]):
        # argmax walks a strided axis ten times slower
        found[in_space(slab)] = output[in_space(slab)].max(1, keepdim=True).indices.to(small)
    return found


def slabs(spatial: Sequence[int]) -> list[Box]:
    """Boxes of some voxels each along the first axis that cover all; one where there are few, or no axes."""
    if not spatial or prod(spatial) <= SLAB:
        return [tuple(slice(0, n) for n in spatial)]
    thick = max(1, SLAB // prod(spatial[1:]))
    rest = tuple(slice(0, n) for n in spatial[1:])
    return [(slice(start, min(start + thick, spatial[0])), *rest) for start in range(0, spatial[0], thick)]


def segmentation(output: Tensor, info: OutputInfo) -> Tensor:
    """The predicted label (B, *spatial), integers; of overlapping sigmoid channels the most probable, -1 where none."""
    if output.shape[1] == 1:
        return regions(output, info)[:, 1].long()
    winner = _winner(output)[:, 0]
    if info.resolved(output) == "sigmoid":
        return torch.where(regions(output, info).any(1), winner, -1)
    return winner


def chosen(scores: Tensor, indices: Sequence[int]) -> Tensor:
    """Those channels of (B, C, ...); all of them, or neighbours, without a copy."""
    first, wanted = (indices[0] if indices else 0), list(indices)
    if wanted == list(range(first, first + len(wanted))):
        return scores[:, first : first + len(wanted)]
    return scores[:, wanted]


@dataclass(frozen=True, eq=False)
class RegionSum:
    """Sum or mean over regions; an empty region scores 0.

    Attributes:
        where: (B or 1, K, *spatial), true inside; as booleans, which take the least memory.
        reduction: Which of the two.
    """

    where: Tensor
    reduction: Reduction

    def __call__(self, scores: Tensor) -> Tensor:
        """Of scores (B, K, *spatial): (B, K)."""
        total = (scores * self.where).flatten(2).sum(2)
        return total if self.reduction == "sum" else total / self._sizes

    def within(self, box: Box) -> Callable[[Tensor], Tensor]:
        """The part that comes from a box of space, for scores (B, K, *box) there."""
        inside = RegionSum(self.where[in_space(box)], "sum")
        return inside if self.reduction == "sum" else lambda scores: inside(scores) / self._sizes

    @cached_property
    def _sizes(self) -> Tensor:
        return self.where.flatten(2).sum(2).clamp(min=1)


def logits_within(summed: RegionSum, info: OutputInfo, indices: Sequence[int], box: Box) -> Callable[[Tensor], Tensor]:
    """What a box adds to the sums of the logits of classes; see `BoundTarget.within`."""
    inside = summed.within(box)
    return lambda raw: inside(chosen(class_scores(raw, info), indices))


def require_spatial(output: Tensor, image: Image, kind: str) -> None:
    """Refuse an output that is not a segmentation of the image.

    Raises:
        IncompatibleError: The output has no spatial axes, or another spatial shape.
    """
    if output.ndim == 2:
        raise IncompatibleError(
            f"target.kind {kind!r} needs a segmentation (B, C, *spatial); this model's output is "
            f"(B, {output.shape[1]}); use the kind 'class'"
        )
    if tuple(output.shape[2:]) != image.shape and kind == "region":
        raise IncompatibleError(
            f"target.kind 'region': the output's spatial shape {tuple(output.shape[2:])} is not the image's "
            f"{image.shape}"
        )


def names_of(indices: Sequence[int], info: OutputInfo) -> tuple[str, ...]:
    """Names of classes."""
    return tuple(info.name(i) for i in indices)
