"""An attribution as one brightness per voxel of the image: what is drawn of it, and what must be said about that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from torchesegeta.errors import InputError
from torchesegeta.figures.frame import Array, Frame, Plane, centre_of
from torchesegeta.figures.numbers import number
from torchesegeta.types import Affine, Attribution, Image, layer_affine


@dataclass(frozen=True, eq=False)
class Brightness:
    """A map on the display grid.

    Attributes:
        values: (3 axes), float32, finite.
        signed: Whether negative values are drawn as such.
        notes: How it was made of the attribution.
        alerts: What its reader must know.
        level: What was taken off all values.
    """

    values: Array
    signed: bool
    notes: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    level: float = 0.0

    @cached_property
    def is_zero(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.values.any()

    @cached_property
    def centre(self) -> tuple[int, int, int]:
        """The voxel nearest the centre of mass of the magnitudes; the middle for an empty map."""
        return centre_of(np.abs(self.values) if self.signed else self.values)

    def off_level(self) -> Brightness:
        """A signed map that lies all on one side of 0, further from it than it is wide, as differences from its median.

        On colours about 0 such a map, mean scores say, is one plain colour.
        """
        low, middle, high = (float(v) for v in np.percentile(self.values, (0.5, 50, 99.5)))
        nearest = min(abs(low), abs(high)) if low * high > 0 else 0.0
        if not self.signed or not 0 < high - low < nearest:
            return self
        notes = (*self.notes, f"median {number(middle)}")
        return replace(self, values=self.values - np.float32(middle), notes=notes, level=middle)

    def named(self, quantity: str) -> str:
        """What the values drawn mean, where the map's mean a quantity."""
        return f"{quantity}, from median" if self.level else quantity

    def project(self, plane: Plane) -> Array:
        """Maximum-intensity projection; for signed maps the value of the largest magnitude, with its sign."""
        highest = self.values.max(axis=plane.normal)
        if not self.signed:
            return plane.turn(highest)
        lowest = self.values.min(axis=plane.normal)
        return plane.turn(np.where(highest >= -lowest, highest, lowest))


def brightness(attribution: Attribution, image: Image, frame: Frame) -> Brightness:
    """Bring an attribution to one value per voxel of the image.

    Args:
        attribution: Its values are (C, *spatial), on the image's grid or on a layer's.
        image: The image it explains.
        frame: The display grid of the image.

    Returns:
        The map on the display grid. Channels are summed for signed maps and for layers; of other maps the largest
        magnitude is shown.

    Raises:
        InputError: The values do not lie on the image's grid or a layer's.
    """
    if attribution.values is None:
        return Brightness(np.zeros(frame.shape, np.float32), False)
    values = attribution.values.detach().cpu().float().numpy()
    if values.ndim != image.spatial_dims + 1:
        raise InputError(
            f"map {attribution.label!r} has shape {values.shape}; a map of image {image.name!r} has "
            f"{image.spatial_dims} spatial axes after the channels"
        )
    values, alerts = _finite(values)
    reduced, how = _over_channels(values, attribution)
    placed, where = _on_image(reduced, attribution, image)
    signed = attribution.signed or bool((placed < 0).any())
    return Brightness(frame.orient(placed), signed, (*how, *where), (*alerts, *_evenness(placed)))


def _finite(values: Array) -> tuple[Array, list[str]]:
    finite = np.isfinite(values)
    if finite.all():
        return values, []
    return np.where(finite, values, 0), [f"{values.size - int(finite.sum())} values are not finite; drawn as 0"]


def _over_channels(values: Array, attribution: Attribution) -> tuple[Array, list[str]]:
    count = values.shape[0]
    if count == 1:
        return values[0], []
    if attribution.signed or attribution.space == "layer":
        return values.sum(axis=0), [f"sum over {count} channels"]
    return np.abs(values).max(axis=0), [f"largest magnitude of {count} channels"]


def _on_image(values: Array, attribution: Attribution, image: Image) -> tuple[Array, list[str]]:
    if attribution.space == "image":
        if values.shape != image.shape:
            raise InputError(
                f"map {attribution.label!r} has spatial shape {values.shape}; image {image.name!r} has {image.shape}"
            )
        return values, []
    resized = resize(values, image.shape, attribution.affine, image.affine)
    same = values.shape == image.shape
    return resized, [] if same else [f"layer grid {' × '.join(map(str, values.shape))}, resized linearly"]


def _evenness(values: Array) -> tuple[str, ...]:
    if not values.any():
        return ("the map is zero everywhere",)
    first = values.flat[0]
    return (f"the map is {first:.3g} everywhere",) if bool((values == first).all()) else ()


def resize(values: Array, shape: Sequence[int], source: Affine | None, target: Affine | None) -> Array:
    """Interpolate linearly from a layer's grid to the image's, axis by axis; edges are continued.

    Args:
        values: (*layer spatial).
        shape: The image's spatial shape.
        source: Place of the layer's grid, or None: it covers the image evenly.
        target: Place of the image, or None.

    Returns:
        (*shape), float32.

    Raises:
        InputError: The two grids are not parallel.
    """
    even = layer_affine(np.eye(4), shape, values.shape)
    source, target = (even, np.eye(4)) if source is None or target is None else (source, target)
    step = np.linalg.inv(np.asarray(source)) @ np.asarray(target)
    dims = len(shape)
    off_diagonal = step[:dims, :dims] - np.diag(np.diag(step)[:dims])
    if np.abs(off_diagonal).max() * max(shape) > 0.1:
        raise InputError("the layer's grid is not parallel to the image's; only parallel grids can be drawn over it")
    for axis, size in enumerate(shape):
        places = np.arange(size) * step[axis, axis] + step[axis, 3]
        known = np.arange(values.shape[axis])
        weights = np.stack([np.interp(places, known, unit) for unit in np.eye(known.size)], axis=1)
        values = np.moveaxis(np.tensordot(weights.astype(np.float32), values, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(values, dtype=np.float32)
