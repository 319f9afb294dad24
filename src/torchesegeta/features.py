"""Features: the parts of an image that are taken away or put back as one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.errors import IncompatibleError, unknown
from torchesegeta.validation import Strict

KINDS = ("voxels", "blocks", "grid", "supervoxels")
FIELDS = {
    "voxels": (),
    "blocks": ("size", "stride"),
    "grid": ("cells",),
    "supervoxels": ("count", "compactness"),
    "labels": ("path", "array"),
}
"""Fields of each kind, besides those that all have."""
DEFAULT_CELLS = {1: 64, 2: 8, 3: 4}
"""Cells of a grid along each axis, by dimension: 64 features in 2D and in 3D."""

Lengths = Annotated[int, Field(ge=1)] | Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
"""A number of voxels, the same along every axis, or one per axis."""


class Regions(ABC):
    """Features over one image; voxel maps have one channel, or as many as the image where channels are apart."""

    count: int

    @abstractmethod
    def remove(self, image: Tensor, replacement: Tensor, index: int) -> Tensor:
        """A copy of the image with one feature replaced.

        Args:
            image: (C, *spatial).
            replacement: (C, *spatial).
            index: Which feature.
        """

    @abstractmethod
    def spread(self, values: Tensor) -> Tensor:
        """A value per feature (F,) as a map: (1 or C, *spatial); where features overlap, their mean."""


@dataclass(frozen=True, eq=False)
class Partition(Regions):
    """Features that share no voxel.

    Attributes:
        labels: (1 or C, *spatial), the number of each voxel's feature.
        count: Number of features.
    """

    labels: Tensor
    count: int

    def remove(self, image: Tensor, replacement: Tensor, index: int) -> Tensor:
        """See `Regions.remove`."""
        return torch.where(self.labels == index, replacement, image)

    def spread(self, values: Tensor) -> Tensor:
        """See `Regions.spread`."""
        return values[self.labels]

    def paint(self, rows: Tensor) -> Tensor:
        """Rows of a value per feature (B, F) as voxel maps: (B, 1 or C, *spatial)."""
        return rows[:, self.labels]

    def sums(self, values: Tensor) -> Tensor:
        """Sum of a map (C, *spatial) over each feature: (F,)."""
        labels = self.labels.expand_as(values).flatten()
        return values.new_zeros(self.count).index_add_(0, labels, values.flatten())


@dataclass(frozen=True, eq=False)
class Windows(Regions):
    """Blocks that slide over the image and may overlap; the last ones are cut off at its border.

    Attributes:
        shape: (C, *spatial) of the image.
        size: Along each spatial axis.
        stride: Along each spatial axis.
        per_channel: Whether each channel has windows of its own.
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    per_channel: bool = False

    @property
    def starts(self) -> list[range]:
        """First voxels of the windows along each spatial axis."""
        return [
            range(0, (max(0, ceil((n - w) / s)) + 1) * s, s)
            for n, w, s in zip(self.shape[1:], self.size, self.stride, strict=True)
        ]

    @cached_property
    def corners(self) -> list[tuple[int, ...]]:
        """First channel and first voxel of every window."""
        return list(product(range(self.shape[0]) if self.per_channel else [0], *self.starts))

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of windows."""
        return len(self.corners)

    def place(self, index: int) -> tuple[slice, ...]:
        """A window's voxels, channels included."""
        channel, *corner = self.corners[index]
        channels = slice(channel, channel + 1) if self.per_channel else slice(None)
        return (channels, *(slice(c, c + w) for c, w in zip(corner, self.size, strict=True)))

    def remove(self, image: Tensor, replacement: Tensor, index: int) -> Tensor:
        """See `Regions.remove`."""
        place, copy = self.place(index), image.clone()
        copy[place] = replacement[place]
        return copy

    def spread(self, values: Tensor) -> Tensor:
        """See `Regions.spread`.

        The windows over a voxel are all combinations of those over it along each axis: one mean per axis.
        """
        values = values.view(-1, *map(len, self.starts))
        for n, size, starts in zip(self.shape[1:], self.size, self.starts, strict=True):
            past = torch.arange(n)[:, None] - torch.tensor(starts)
            over = ((past >= 0) & (past < size)).to(values)
            values = torch.tensordot(values, over / over.sum(1, keepdim=True), ([1], [1]))
        return values


class Features(Strict):
    """What is taken away as one.

    Every voxel; blocks of some voxels; a grid of some blocks along each axis; supervoxels, SLIC in the image's own
    dimension; labels, a label map (an atlas, say) whose values each are a feature.
    """

    kind: Literal["voxels", "blocks", "grid", "supervoxels", "labels"]
    size: Lengths = Field(8, description="Voxels of `blocks`.")
    stride: Lengths | None = Field(None, description="Voxels from one to the next of `blocks` that overlap.")
    cells: Lengths | None = Field(None, description="Blocks along each axis of a `grid`; without: 8 in 2D, 4 in 3D.")
    count: int = Field(50, ge=1, description="Roughly how many `supervoxels`.")
    compactness: float = Field(0.3, gt=0, description="Of `supervoxels`: how much nearness counts against likeness.")
    path: Path | None = Field(None, description="The file of `labels`, on the image's grid.")
    array: ArrayValue | None = Field(
        None, description="The tensor of `labels`: (*spatial), (1, *spatial) or (C, *spatial)."
    )
    per_channel: bool = Field(False, description="Each channel has features of its own.")

    @model_validator(mode="after")
    def _fields_of_kind(self) -> Features:
        strange = self.model_fields_set - {"kind", "per_channel", *FIELDS[self.kind]}
        if given := sorted(name for name in strange if getattr(self, name) is not None):
            own = " and ".join(map(repr, FIELDS[self.kind])) or "none of its own"
            raise ValueError(f"features of kind {self.kind!r} have no field {given[0]!r}; theirs: {own}")
        if self.kind == "labels" and self.path is None and self.array is None:
            raise ValueError("features of kind 'labels' need a 'path' or an 'array'")
        return self

    @model_serializer(mode="wrap")
    def _short(self, full: SerializerFunctionWrapHandler) -> Any:
        """As a user would write it: a name, or the fields that were set."""
        given = {name: value for name, value in full(self).items() if name in {"kind", *self.model_fields_set}}
        return self.kind if set(given) == {"kind"} and self.kind in KINDS else given

    def resolve(self, image: Tensor) -> Regions:
        """The features of an image (C, *spatial).

        Raises:
            IncompatibleError: Lengths or labels do not fit the image.
        """
        if self.kind == "blocks":
            size, stride = _per_axis("size", self.size, image), _per_axis("stride", self.stride or self.size, image)
            return Windows(tuple(image.shape), size, stride, self.per_channel)
        return self.partition(image)

    def partition(self, image: Tensor) -> Partition:
        """The features of an image (C, *spatial), none of which overlap.

        Raises:
            IncompatibleError: They would overlap; lengths or labels do not fit the image.
        """
        if self.stride is not None and self.stride != self.size:
            raise IncompatibleError("features that overlap (a stride other than the size) cannot be put together")
        labels = self._labels(image)
        count = int(labels.max()) + 1
        if self.per_channel and len(labels) == 1:
            channels = torch.arange(len(image), device=image.device).view(-1, *[1] * (image.ndim - 1))
            labels, count = labels + count * channels, count * len(image)
        return Partition(labels, count)

    def _labels(self, image: Tensor) -> Tensor:
        shape = tuple(image.shape[1:])
        match self.kind:
            case "voxels":
                return torch.arange(prod(shape), device=image.device).view(1, *shape)
            case "blocks":
                return _blocks(shape, _per_axis("size", self.size, image)).to(image.device)
            case "grid":
                cells = _per_axis("cells", self.cells or DEFAULT_CELLS[len(shape)], image)
                return _cells(shape, cells).to(image.device)
            case "supervoxels":
                return _slic(image, self.count, self.compactness)
            case "labels":
                given = self.array.tensor if self.array is not None else _read(self.path)
                return _numbered(given, image)


def _per_axis(name: str, lengths: int | tuple[int, ...], image: Tensor) -> tuple[int, ...]:
    axes = image.ndim - 1
    if isinstance(lengths, int):
        return (lengths,) * axes
    if len(lengths) != axes:
        raise IncompatibleError(f"features.{name}: {lengths} has {len(lengths)} numbers; the image has {axes} axes")
    return lengths


def _number(numbers: list[Tensor]) -> Tensor:
    """One number from one per axis: (1, *spatial)."""
    labels = torch.zeros((), dtype=torch.int64)
    for axis, along in enumerate(numbers):
        place = [1] * len(numbers)
        place[axis] = -1
        labels = labels * (int(along[-1]) + 1) + along.view(place)
    return labels[None]


def _blocks(shape: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
    return _number([torch.arange(n) // w for n, w in zip(shape, size, strict=True)])


def _cells(shape: tuple[int, ...], cells: tuple[int, ...]) -> Tensor:
    return _number([torch.arange(n) * min(c, n) // n for n, c in zip(shape, cells, strict=True)])


def _slic(image: Tensor, count: int, compactness: float) -> Tensor:
    from skimage.segmentation import slic

    flat = image.flatten(1)
    low, high = flat.amin(1), flat.amax(1)
    shape = (-1,) + (1,) * (image.ndim - 1)
    scaled = (image - low.view(shape)) / (high - low).clamp(min=1e-12).view(shape)
    pixels = scaled.movedim(0, -1).double().cpu().numpy()
    labels = slic(pixels, n_segments=count, compactness=compactness, start_label=0, channel_axis=-1)
    return _numbered(torch.from_numpy(np.ascontiguousarray(labels)), image)


def _numbered(labels: Tensor, image: Tensor) -> Tensor:
    """Labels of any integers, numbered from 0 in their order, (1 or C, *spatial)."""
    wanted = tuple(image.shape[1:])
    if labels.ndim == image.ndim + 1 and len(labels) == 1:
        labels = labels[0]
    if labels.ndim == image.ndim - 1:
        labels = labels[None]
    if tuple(labels.shape) not in ((1, *wanted), tuple(image.shape)):
        raise IncompatibleError(
            f"features: labels of shape {tuple(labels.shape)} do not fit the image's {tuple(image.shape)}"
        )
    if labels.is_floating_point() and not torch.equal(labels, labels.round()):
        raise IncompatibleError("features: labels are whole numbers; these are not")
    numbers: Tensor = torch.unique(labels.long(), return_inverse=True)[1]
    return numbers.to(image.device)


def _read(path: Path | None) -> Tensor:
    from torchesegeta.inputs import read_image

    assert path is not None
    return read_image(path).data


def parse_features(value: Any) -> Any:
    """Accept a name, a block size, a tensor or array of labels, {"path": …}, or the fields of `Features`."""
    if isinstance(value, bool):
        raise ValueError("expected a name, a block size or a label map, got a boolean")
    if isinstance(value, int):
        return {"kind": "blocks", "size": value}
    if isinstance(value, str):
        if value not in KINDS:
            raise ValueError(unknown("features", value, KINDS))
        return {"kind": value}
    if isinstance(value, Tensor | np.ndarray):
        return {"kind": "labels", "array": value}
    if isinstance(value, dict) and set(value) == {"path"}:
        return {"kind": "labels", **value}
    return value


FeaturesField = Annotated[Features, BeforeValidator(parse_features)]
VOXELS = Features(kind="voxels")
GRID = Features(kind="grid")
SUPERVOXELS = Features(kind="supervoxels")
