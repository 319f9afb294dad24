"""Patches of an image: their geometry and blending weights, those of MONAI's sliding-window inference.

A model's prediction for the whole image is out(v) = Σ_p w_p(v) · out_p(v): over the patches p that hold the voxel v,
with weights that add up to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Annotated, Literal, TypeVar

import torch
from pydantic import Field, model_validator
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.errors import ConfigError
from torchesegeta.validation import Strict

Box = tuple[slice, ...]
Near = tuple[tuple[int, ...], ...]
KEPT = 8
"""Neighbourhoods whose sums are kept."""
Share = Annotated[float, Field(ge=0, lt=1)]
Length = Annotated[int, Field(ge=1)]
T = TypeVar("T")


class Patches(Strict):
    """How an image is run patch by patch.

    The prediction is that of MONAI's `sliding_window_inference` with the same size, overlap and blending; a map
    explains that prediction.
    """

    size: Length | tuple[Length, ...] | None = Field(
        None, description="Voxels of a patch: one number, or one per axis; without, of slices: all."
    )
    overlap: Share | tuple[Share, ...] = Field(
        0.25, description="Share of a patch that its neighbour covers too: one number, or one per axis."
    )
    blend: Literal["constant", "gaussian"] = Field(
        "constant", description="Whether all voxels of a patch count alike, or the more, the nearer to its centre."
    )
    axis: Annotated[int, Field(ge=0, le=2)] | None = Field(
        None,
        description="For two-dimensional models: the axis of the volume along which it is run slice by slice; size and "
        "overlap are those within a slice.",
    )

    @model_validator(mode="after")
    def _has_size(self) -> Patches:
        if self.size is None and self.axis is None:
            raise ValueError("give the 'size' of a patch or, for a two-dimensional model over a volume, an 'axis'")
        return self

    def over(self, shape: Sequence[int], like: Tensor) -> Tiling:
        """The patches of an image.

        Args:
            shape: Its spatial shape.
            like: A tensor of its dtype, and on its device.

        Raises:
            ConfigError: Lengths or axis do not fit the image.
        """
        if self.axis is not None and len(shape) != 3:
            raise ConfigError(f"patches.axis: slices are those of a volume; the image has {len(shape)} axes")
        size = tuple(shape) if self.size is None else self._per_axis("size", self.size, len(shape))
        overlap = self._per_axis("overlap", self.overlap, len(shape))
        if self.axis is not None:
            size = (*size[: self.axis], 1, *size[self.axis + 1 :])
        return Tiling.of(tuple(shape), size, overlap, self.blend, self.axis, like)

    def _per_axis(self, name: str, given: T | tuple[T, ...], axes: int) -> tuple[T, ...]:
        inner = axes if self.axis is None else axes - 1
        if not isinstance(given, tuple):
            return (given,) * axes
        if len(given) != inner:
            what = f"the image has {axes} axes" if self.axis is None else f"a slice has {inner} axes"
            raise ConfigError(f"patches.{name}: {list(given)} has {len(given)} numbers; {what}")
        return given if self.axis is None else (*given[: self.axis], given[0], *given[self.axis :])


@dataclass(frozen=True, eq=False)
class Tiling:
    """The patches of an image; what lies outside it is padded with zeros.

    Attributes:
        shape: Spatial shape of the image.
        size: Of a patch, along each axis of the image.
        starts: First voxel of each patch; negative in the padding.
        axis: The axis that a patch has no voxels along, for the model: of slices.
        importance: (*size), of a patch's voxels before they are blended.
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]
    axis: int | None
    importance: Tensor = field(repr=False)
    _totals: dict[Near, Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        size: tuple[int, ...],
        overlap: tuple[float, ...],
        blend: str,
        axis: int | None,
        like: Tensor,
    ) -> Tiling:
        """Patches as MONAI lays them out."""
        from monai.data.utils import compute_importance_map, dense_patch_slices

        padded = tuple(max(n, s) for n, s in zip(shape, size, strict=True))
        before = [(p - n) // 2 for p, n in zip(padded, shape, strict=True)]
        steps = [
            s if s == n else max(1, int(s * (1 - share))) for s, n, share in zip(size, padded, overlap, strict=True)
        ]
        slices = dense_patch_slices(padded, size, steps)
        starts = tuple(tuple(int(s.start) - b for s, b in zip(one, before, strict=True)) for one in slices)
        importance = compute_importance_map(size, mode=blend, device="cpu").to(like)
        return cls(shape, size, starts, axis, importance)

    @property
    def count(self) -> int:
        """Number of patches."""
        return len(self.starts)

    @cached_property
    def overlaps(self) -> bool:
        """Whether some voxels lie in several patches."""
        held = sum(prod(int(s.stop - s.start) for s in self.place(patch)) for patch in range(self.count))
        return held > prod(self.shape)

    @cached_property
    def model_shape(self) -> tuple[int, ...]:
        """Spatial shape of a patch as the model gets it."""
        return tuple(n for axis, n in enumerate(self.size) if axis != self.axis)

    def place(self, patch: int) -> Box:
        """A patch's voxels within the image."""
        ends = zip(self.starts[patch], self.size, self.shape, strict=True)
        return tuple(slice(max(0, s), min(n, s + length)) for s, length, n in ends)

    def inside(self, patch: int) -> Box:
        """Where the image lies within a patch, the patch having all axes."""
        return tuple(slice(p.start - s, p.stop - s) for p, s in zip(self.place(patch), self.starts[patch], strict=True))

    def crop(self, volume: Tensor, patch: int) -> Tensor:
        """A patch (…, *model_shape) of a volume (…, *shape), zero outside it; a view where it can be."""
        place = volume[in_space(self.place(patch))]
        if tuple(place.shape[-len(self.size) :]) != self.size:
            whole = volume.new_zeros(*volume.shape[: -len(self.size)], *self.size)
            whole[in_space(self.inside(patch))] = place
            place = whole
        return place if self.axis is None else place.squeeze(self.axis - len(self.size))

    def within(self, values: Tensor, patch: int) -> Tensor:
        """What of a patch (…, *model_shape) lies within the image: (…, *place)."""
        if self.axis is not None:
            values = values.unsqueeze(self.axis - len(self.size))
        return values[in_space(self.inside(patch))]

    def add(self, volume: Tensor, values: Tensor, patch: int) -> None:
        """Add a patch (…, *model_shape) to a volume (…, *shape), in place."""
        volume[in_space(self.place(patch))] += self.within(values, patch)

    def weights(self, patch: int) -> Tensor:
        """A patch's blending weights within the image, (*place): over all patches they add up to 1.

        What the patches over a voxel have of it together is made from their neighbourhood when it is needed, so that no
        volume is held for it; neighbourhoods that are alike share it.
        """
        near = self._neighbours(patch)
        if near not in self._totals:
            if len(self._totals) >= KEPT:
                self._totals.clear()
            self._totals[near] = self._total(near)
        inside = self.inside(patch)
        return self.importance[inside] / self._totals[near][inside]

    def _neighbours(self, patch: int) -> Near:
        """Along each axis, where patches begin that share voxels with a patch, counted from there; it is one."""
        return tuple(
            tuple(n - start for n in along if abs(n - start) < size)
            for start, along, size in zip(self.starts[patch], self._along, self.size, strict=True)
        )

    @cached_property
    def _along(self) -> tuple[tuple[int, ...], ...]:
        """First voxels along each axis: all their combinations are patches."""
        return tuple(tuple(sorted(set(axis))) for axis in zip(*self.starts, strict=True))

    def _total(self, near: Near) -> Tensor:
        """What all patches have of a patch's voxels, given where they lie: (*size)."""
        total = torch.zeros_like(self.importance)
        for offsets in product(*near):
            mine, theirs = zip(
                *(_overlap(offset, n) for offset, n in zip(offsets, self.size, strict=True)), strict=True
            )
            total[mine] += self.importance[theirs]
        return total

    def add_blended(self, volume: Tensor, values: Tensor, patch: int) -> None:
        """Add a patch (…, *model_shape), times its blending weights, to a volume (…, *shape), in place."""
        volume[in_space(self.place(patch))] += self.within(values, patch) * self.weights(patch)

    def touched(self, box: Box) -> list[int]:
        """The patches that hold voxels of a box."""
        return [
            patch
            for patch, starts in enumerate(self.starts)
            if all(s < b.stop and b.start < s + n for s, n, b in zip(starts, self.size, box, strict=True))
        ]


def _overlap(offset: int, size: int) -> tuple[slice, slice]:
    """The voxels that a patch shares with one that begins `offset` voxels further on, as each counts them."""
    return slice(max(0, offset), min(size, size + offset)), slice(max(0, -offset), min(size, size - offset))


def image_dims(patches: Patches | None, model_dims: int | None) -> int | None:
    """Spatial axes of the images that a model is run over: one more than its own, where it is run slice by slice.

    Raises:
        ConfigError: It does not take slices.
    """
    if patches is None or patches.axis is None:
        return model_dims
    if model_dims not in (None, 2):
        raise ConfigError(f"patches.axis: slices are for two-dimensional models; this one has {model_dims} axes")
    return 3
