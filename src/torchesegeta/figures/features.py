"""Layer maps without a place in the image: bars for features, a grid for tokens × features."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from torchesegeta.figures.colour_bar import ROOM, draw_bar
from torchesegeta.figures.frame import Array
from torchesegeta.figures.heading import Heading
from torchesegeta.figures.numbers import number
from torchesegeta.figures.page import MARGIN, Box, Page
from torchesegeta.figures.scale import scale_for
from torchesegeta.figures.style import Style, colour_map

NAMED = 5
"""Strongest features that are numbered."""


def draw_features(values: Array, heading: Heading, quantity: str, signed: bool, style: Style) -> Figure:
    """Draw a map that has no spatial axes of the image.

    Args:
        values: (features,) as bars; more axes are shown as a grid of the first axis by all others.
        heading: Words above the chart.
        quantity: What the values mean.
        signed: Whether negative values carry meaning.
        style: Sizes and colours.

    Returns:
        The figure.
    """
    page = Page(style.width, heading.height + 2.3, style)
    heading.draw(page)
    values = np.nan_to_num(np.atleast_1d(values), nan=0.0, posinf=0.0, neginf=0.0)
    if values.ndim == 1:
        _bars(page, heading.height, values, quantity)
    else:
        _grid(page, heading.height, values.reshape(values.shape[0], -1), quantity, signed)
    return page.figure


def _bars(page: Page, top: float, values: Array, quantity: str) -> None:
    style = page.style
    axes = page.axes(Box(0.85, top + 0.08, style.width - 0.85 - MARGIN, 1.75))
    colours = colour_map("cold-warm")(np.where(values < 0, 0.22, 0.8))
    places = np.arange(values.size)
    width = float(np.clip(0.7 * 72 * (style.width - 1) / values.size, 0.8, 14))
    axes.vlines(places, 0, values, colors=colours, linewidth=width)
    axes.axhline(0, color=style.ink, linewidth=0.7)
    limit = float(np.abs(values).max()) or 1.0
    axes.set(xlim=(-0.8, values.size - 0.2), ylim=(-1.2 * limit if (values < 0).any() else 0, 1.2 * limit))
    strongest = np.argsort(-np.abs(values), kind="stable")[: NAMED if values.size > NAMED else 0]
    for place in strongest[values[strongest] != 0]:
        above = values[place] > 0
        offset: dict[str, Any] = {"xytext": (0, 2 if above else -2), "textcoords": "offset points", "ha": "center"}
        point = (place, values[place])
        axes.annotate(str(place), point, **offset, va="bottom" if above else "top", size=style.text_size)
    _plain_axes(axes, style, f"feature (0 to {values.size - 1})", quantity)
    ticks = [-limit, 0, limit] if (values < 0).any() else [0, limit]
    axes.set_yticks(ticks, [number(tick) for tick in ticks])


def _grid(page: Page, top: float, values: Array, quantity: str, signed: bool) -> None:
    style = page.style
    scale = scale_for(values, signed or bool((values < 0).any()), None, style)
    axes = page.axes(Box(0.62, top + 0.08, style.width - 0.62 - MARGIN - ROOM, 1.75))
    axes.imshow(scale.blend(np.zeros(values.shape), values), aspect="auto", interpolation="nearest")
    _plain_axes(axes, style, f"features ({values.shape[1]})", f"axis 0 ({values.shape[0]})")
    if values.any():
        draw_bar(page, Box(0, top + 0.08, 0, 1.75), scale, quantity)


def _plain_axes(axes: Axes, style: Style, below: str, beside: str) -> None:
    axes.set_xlabel(below, size=style.text_size)
    axes.set_ylabel(beside, size=style.text_size, parse_math=False)
    axes.tick_params(labelsize=style.text_size, width=0.5, length=2)
    for name, edge in axes.spines.items():
        edge.set_linewidth(0.5)
        edge.set_visible(name in ("left", "bottom"))
