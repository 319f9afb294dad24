"""A picture that a method made, ready to be drawn: its channels on a display grid, in grey or in colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import Tensor

from torchesegeta.errors import InputError
from torchesegeta.figures.frame import Array, Frame, Plane, centre_of, frame_of
from torchesegeta.figures.scale import Limits
from torchesegeta.figures.scene import Scene, percentiles, stretch
from torchesegeta.types import Affine, Attribution, covering_affine

MOST_CHANNELS = 4
ALIKE = 4.0
"""How much wider or narrower than the image's a picture's range of values may be to be drawn in the image's window."""


@dataclass(frozen=True, eq=False)
class Print:
    """A picture on its display grid.

    Attributes:
        frame: The grid.
        channels: (3 axes) each, or (3 axes, 3) for a picture in colour.
        windows: Values that become black and white, of each channel.
        names: Of the channels; empty for the only one.
        placed: Whether a place of it is a place of the image.
        notes: How it was made of the picture.
    """

    frame: Frame
    channels: tuple[Array, ...]
    windows: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    placed: bool
    notes: tuple[str, ...] = ()

    @cached_property
    def centre(self) -> tuple[float, float, float]:
        """The centre of mass of the squared departures from the median, as shares of the axes."""
        weights = sum((channel - np.median(channel)) ** 2 for channel in self.channels)
        voxel = centre_of(np.asarray(weights).reshape(*self.frame.shape, -1).sum(axis=-1))
        x, y, z = ((index + 0.5) / size for index, size in zip(voxel, self.frame.shape, strict=True))
        return x, y, z

    def cut(self, channel: int, plane: Plane, centre: Sequence[float]) -> Array:
        """A slice through a point, given as shares of the axes, in [0, 1]."""
        size = self.frame.shape[plane.normal]
        index = min(int(centre[plane.normal] * size), size - 1)
        return stretch(plane.cut(self.channels[channel], index), self.windows[channel])

    @property
    def pixels(self) -> Array | None:
        """(rows, columns) or (rows, columns, 3), uint8, of a 2D picture in grey or in colour; None of others."""
        if len(self.frame.planes) > 1 or len(self.channels) > 1:
            return None
        shown: Array = np.round(255 * self.cut(0, self.frame.planes[0], self.centre)).astype(np.uint8)
        return shown

    def project(self, channel: int, plane: Plane) -> Array:
        """The maximum-intensity projection in a window of its own, in [0, 1]."""
        highest = plane.turn(self.channels[channel].max(axis=plane.normal))
        return stretch(highest, percentiles(highest))


def print_of(attribution: Attribution, scene: Scene, window: Limits = None) -> Print:
    """Make a method's picture ready to be drawn.

    A colour picture, of an image that is one, stays in colour. Of others the channels are grey, each in a window of its
    own: a robust one, or the image's where the picture has the image's place and a like range of values.

    Args:
        attribution: Its values are (C, *spatial), two or three spatial axes of any size.
        scene: The image.
        window: Values that become black and white; None: as above.

    Raises:
        InputError: The values have other axes.
    """
    assert attribution.values is not None
    placed = is_placed(attribution, scene)
    made = print_of_values(attribution.values, scene, placed=placed, affine=attribution.affine)
    return made if window is None else replace(made, windows=(window,) * len(made.channels))


def is_placed(attribution: Attribution, scene: Scene) -> bool:
    """Whether a place of a picture is a place of the image: a dream of it is, a picture of a filter is not."""
    if attribution.of_model or attribution.values is None:
        return False
    return attribution.covers or tuple(attribution.values.shape[1:]) == scene.image.shape


def print_of_values(values: Tensor, scene: Scene, *, placed: bool, affine: Affine | None = None) -> Print:
    """As `print_of`, of (C, *spatial) values; `placed` ones without an affine cover the image."""
    array = values.detach().cpu().float().numpy()
    if array.ndim not in (3, 4):
        raise InputError(f"a picture of shape {array.shape} cannot be drawn; it needs channels and 2 or 3 spatial axes")
    finite = np.isfinite(array)
    notes = [] if finite.all() else [f"{array.size - int(finite.sum())} values are not finite; drawn as 0"]
    array = np.where(finite, array, np.float32(0))
    frame = _frame(array.shape[1:], scene, affine, placed=placed)
    channels = _channels(array, frame, scene)
    count = len(array)
    notes += [f"first {MOST_CHANNELS} of {count} channels"] if count > len(channels) > 1 else []
    names = tuple(f"channel {n}" if len(channels) > 1 else "" for n in range(len(channels)))
    like = placed and count == len(scene.image.data)
    images = _channels(scene.image.data.detach().cpu().float().numpy(), scene.frame, scene) if like else ()
    windows = tuple(_window(channel, images[n] if like else None) for n, channel in enumerate(channels))
    return Print(frame, channels, windows, names, placed, tuple(notes))


def _channels(array: Array, frame: Frame, scene: Scene) -> tuple[Array, ...]:
    """The channels apart, or as one in colour."""
    if scene.is_colour and len(array) == 3 and array.ndim == 3:
        return (np.stack([frame.orient(channel) for channel in array], axis=-1),)
    return tuple(frame.orient(channel) for channel in array[:MOST_CHANNELS])


def print_of_image(scene: Scene) -> Print:
    """The image itself as a picture, to stand beside those made of it."""
    return print_of_values(scene.image.data, scene, placed=True)


def _frame(shape: tuple[int, ...], scene: Scene, affine: Affine | None, *, placed: bool) -> Frame:
    """The image's display grid; one that covers it; or one of voxels as large, and turned as the network saw them."""
    image = scene.image
    if shape == image.shape:
        return scene.frame
    if len(shape) != image.spatial_dims:
        return frame_of(shape, None)
    covering = covering_affine(np.eye(4) if image.affine is None else image.affine, image.shape, shape)
    if image.affine is None and placed and covering is not None:
        steps = np.diag(covering)
        return replace(frame_of(shape, None), spacing=(float(steps[0]), float(steps[1]), float(steps[2])))
    own = covering if placed and affine is None else affine
    return frame_of(shape, image.affine if own is None else own, scene.convention)


def _window(channel: Array, reference: Array | None) -> tuple[float, float]:
    own = percentiles(channel)
    if reference is None:
        return own
    images = percentiles(reference)
    overlap = min(own[1], images[1]) - max(own[0], images[0])
    width, other = own[1] - own[0], images[1] - images[0]
    return images if overlap > 0 and other / ALIKE <= width <= other * ALIKE else own
