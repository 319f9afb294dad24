"""From numbers to colours: the limits of a map, its opacity, and the blend with the image beneath."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from torchesegeta.figures.frame import Array
from torchesegeta.figures.style import PAPER, Style, colour_map

Limits: TypeAlias = tuple[float, float] | None
"""Values of the first and the last colour, or None for robust ones."""

STEPS = 512
ENOUGH = 1_000_000
"""Values a percentile is taken of; larger maps are sampled."""


@dataclass(frozen=True)
class Scale:
    """How values are coloured.

    Attributes:
        low: Value of the first colour; -high for signed maps.
        high: Value of the last colour.
        signed: Whether 0 is the middle of the colours or their start.
        style: Colour maps and opacity.
    """

    low: float
    high: float
    signed: bool
    style: Style = PAPER

    @cached_property
    def _palette(self) -> tuple[Array, Array]:
        """(STEPS, 3) colours premultiplied by opacity, and (STEPS, 1) what is left of the image beneath."""
        share = np.linspace(0, 1, STEPS)
        if self.signed:
            colours = colour_map(self.style.signed)(share)[:, :3]
            magnitude = np.abs(2 * share - 1)
        else:
            colours = colour_map(self.style.one_signed)(self.style.darkest + (1 - self.style.darkest) * share)[:, :3]
            magnitude = share
        opacity = self.style.opacity * (np.minimum(magnitude / self.style.knee, 1) ** self.style.fade)[:, None]
        return (colours * opacity * 255).astype(np.float32), (1 - opacity).astype(np.float32) * 255

    def blend(self, background: Array, values: Array) -> Array:
        """Lay a map over an image.

        Args:
            background: (rows, columns) grey or (rows, columns, 3), in [0, 1].
            values: (rows, columns) of the map.

        Returns:
            (rows, columns, 3), uint8; where the map is 0 the image is untouched.
        """
        nothing = 0.5 if self.signed else 0.0
        width = self.high - self.low
        share = np.clip((values - self.low) / width, 0, 1) if width else np.full(values.shape, nothing)
        index = (share * (STEPS - 1) + 0.5).astype(np.intp)
        colours, rest = self._palette
        grey = background if background.ndim == 3 else background[..., None]
        blended: Array = (colours[index] + rest[index] * grey).astype(np.uint8)
        return blended

    def bar(self) -> Array:
        """(STEPS, 1, 3), uint8: the colours from high to low, as they look over black."""
        values = np.linspace(self.high, self.low, STEPS)[:, None]
        return self.blend(np.zeros_like(values), values)


def robust_limit(values: Array, percentile: float) -> float:
    """The percentile of the magnitudes that are not 0; 0 for a map that is 0 everywhere."""
    flat = values.reshape(-1)
    step = flat.size // ENOUGH
    magnitudes = np.abs(flat[:: step | 1] if step else flat)
    filled = magnitudes[magnitudes > 0]
    return float(np.percentile(filled, percentile)) if filled.size else float(np.abs(flat).max(initial=0))


def scale_for(values: Array, signed: bool, limits: Limits = None, style: Style = PAPER) -> Scale:
    """The scale of a map: the limits asked for, or robust ones with 0 at the middle (signed) or the start."""
    if limits is not None:
        return Scale(float(limits[0]), float(limits[1]), signed, style)
    high = robust_limit(values, style.percentile)
    return Scale(-high if signed else 0.0, high, signed, style)
