"""An image made ready to be drawn over: done once, used by all of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypedDict

import numpy as np

from torchesegeta.errors import InputError
from torchesegeta.figures.frame import Array, Convention, Frame, Plane, frame_of
from torchesegeta.figures.style import PAPER, Style
from torchesegeta.types import Attribution, Image


@dataclass(frozen=True, eq=False)
class Region:
    """A region whose outline is drawn.

    Attributes:
        name: What the legend says.
        mask: (3 axes) of the display grid, bool.
        colour: Of the outline.
        dashed: Told apart also without colour.
    """

    name: str
    mask: Array
    colour: str
    dashed: bool

    def project(self, plane: Plane) -> Array:
        """The shadow of the region along a plane's normal."""
        return plane.turn(np.asarray(self.mask.any(axis=plane.normal)))


class SceneOptions(TypedDict, total=False):
    """What a `Scene` takes besides its image."""

    prediction: Array | None
    class_names: Sequence[str]
    convention: Convention
    style: Style


class Scene:
    """An image, the model's prediction and the label on the display grid.

    Args:
        image: What was explained.
        prediction: (*spatial) class indices, or (classes, *spatial) booleans where regions overlap; None for none.
        class_names: Names of the classes.
        convention: Which side of the picture the patient's left is on.
        style: Sizes and colours.

    Raises:
        InputError: The prediction or label is not on the image's grid.
    """

    def __init__(
        self,
        image: Image,
        *,
        prediction: Array | None = None,
        class_names: Sequence[str] = (),
        convention: Convention = "radiological",
        style: Style = PAPER,
    ) -> None:
        self.image = image
        self.class_names = tuple(class_names)
        self.style, self.convention = style, convention
        self.frame: Frame = frame_of(image.shape, image.affine, convention)
        self._prediction = _checked("prediction", prediction, image)
        label = None if image.label is None else image.label.detach().cpu().numpy()
        self._label = _checked("label", label, image)
        self.regions = cache(self._regions)
        self.projection = cache(self._projection)

    @cached_property
    def _volume(self) -> Array:
        """(3 axes) of the display grid: the first channel, or the luminance of a colour picture."""
        data = self.image.data.detach().cpu().float()
        return self.frame.orient((data.mean(dim=0) if self.is_colour else data[0]).numpy())

    @property
    def is_colour(self) -> bool:
        """Whether the image is a colour picture: 2D, three channels, no place in space."""
        return self.image.spatial_dims == 2 and self.image.data.shape[0] == 3 and self.image.affine is None

    @cached_property
    def _window(self) -> tuple[float, float]:
        return percentiles(self._volume, self.style.window)

    def cut(self, plane: Plane, index: int) -> Array:
        """A slice of the image in grey, [0, 1]."""
        return stretch(plane.cut(self._volume, index), self._window)

    def _projection(self, plane: Plane) -> Array:
        """The maximum-intensity projection of the image in grey, [0, 1], in a window of its own."""
        highest = plane.turn(self._volume.max(axis=plane.normal))
        return stretch(highest, percentiles(highest, self.style.window))

    def photograph(self) -> Array:
        """A 2D image as it is: (rows, columns, 3) of a colour picture, else (rows, columns), [0, 1]."""
        if not self.is_colour:
            return self.cut(self.frame.planes[0], 0)
        data = np.moveaxis(self.image.data.detach().cpu().float().numpy(), 0, -1)
        return stretch(data, percentiles(data, self.style.window))

    def class_name(self, index: int | None) -> str:
        """The name of a class, or its number."""
        if index is None:
            return "any class"
        return self.class_names[index] if 0 <= index < len(self.class_names) else f"class {index}"

    def target_name(self, attribution: Attribution) -> str | None:
        """The class name of a map's target, else what the target is called; None where no target was read."""
        index = attribution.target_index
        return self.class_name(index) if index is not None and attribution.target == str(index) else attribution.target

    def _regions(self, target_index: int | None) -> tuple[Region, ...]:
        """The predicted region and the label of a class (of every class but 0 without one)."""
        found = []
        for kind, array, colour in (
            ("predicted", self._prediction, self.style.prediction_colour),
            ("label", self._label, self.style.label_colour),
        ):
            if array is not None:
                mask = self.frame.orient(_mask(array, target_index, self.image.spatial_dims))
                found.append(Region(f"{kind}: {self.class_name(target_index)}", mask, colour, kind == "label"))
        return tuple(found)


def _checked(what: str, array: Array | None, image: Image) -> Array | None:
    if array is not None and tuple(array.shape[-image.spatial_dims :]) != image.shape:
        raise InputError(f"the {what} has shape {array.shape}; image {image.name!r} has {image.shape}")
    return array


def _mask(array: Array, target_index: int | None, spatial_dims: int) -> Array:
    if array.ndim > spatial_dims:
        if target_index is None or target_index >= array.shape[0]:
            return np.asarray(array.any(axis=0))
        return np.asarray(array[target_index].astype(bool))
    return np.asarray(array > 0 if target_index is None else array == target_index)


def percentiles(values: Array, window: tuple[float, float] = PAPER.window) -> tuple[float, float]:
    """The values at two percentiles; the lowest and the highest where those are equal."""
    flat = values.reshape(-1)
    low, high = np.percentile(flat[:: (flat.size // 1_000_000) | 1], window)
    if high <= low:
        low, high = flat.min(), flat.max()
    return float(low), float(high)


def stretch(values: Array, window: tuple[float, float]) -> Array:
    """Values as grey in [0, 1], a window of them from black to white."""
    low, high = window
    stretched: Array = np.clip((values - low) / (high - low if high > low else 1.0), 0, 1, dtype=np.float32)
    return stretched
