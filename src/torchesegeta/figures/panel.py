"""One panel: a picture with outlines, orientation marks, crosshair and scale bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patheffects import AbstractPathEffect

from torchesegeta.figures.frame import Array, Frame, Plane
from torchesegeta.figures.page import Box, Page
from torchesegeta.figures.scene import Region

NICE_LENGTHS = (1, 2, 5)
DASHES = (2.6, 1.3)
HALO: list[AbstractPathEffect] = [patheffects.withStroke(linewidth=1.8, foreground="black", alpha=0.75)]
THIN = 0.45
"""Inches: panels lower or narrower than this have no room for marks on their edges."""


def draw_picture(page: Page, box: Box, picture: Array) -> Axes:
    """Show (rows, columns[, 3]) in a box, pixel centres at whole numbers."""
    axes = page.axes(box)
    axes.set_axis_off()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="antialiased")
    return axes


def draw_outlines(axes: Axes, regions: Sequence[tuple[Region, Array]], width: float) -> None:
    """Draw the border of (rows, columns) masks, dark beneath so that it shows on any ground."""
    limits = axes.get_xlim(), axes.get_ylim()
    for region, mask in regions:
        if mask.all() or not mask.any():
            continue
        pads = [(0, 1) if size == 1 else (0, 0) for size in mask.shape]  # contours need two rows and columns
        levels, filled = [0.5], np.pad(mask.astype(np.float32), pads, mode="edge")
        axes.contour(filled, levels, colors="black", linewidths=width + 0.5, alpha=0.45)
        axes.contour(filled, levels, colors=region.colour, linewidths=width, linestyles=[line_style(region)])
    axes.set(xlim=limits[0], ylim=limits[1])


def line_style(region: Region) -> Any:
    """How matplotlib is to dash the outline of a region."""
    return (0.0, DASHES) if region.dashed else "solid"


def draw_marks(axes: Axes, plane: Plane, box: Box, size: float) -> None:
    """Letters at the edges: the patient's sides, or the names of the array's axes."""
    left, right, top, bottom = plane.marks
    options: dict[str, Any] = {
        "transform": axes.transAxes,
        "color": "white",
        "size": size,
        "path_effects": HALO,
        "clip_on": False,
    }
    turn = 90 if left.startswith("axis") else 0
    inset = 0.03 / box.width, 0.03 / box.height
    if box.height > THIN or not turn:
        axes.text(inset[0], 0.5, left, ha="left", va="center", rotation=turn, **options)
        axes.text(1 - inset[0], 0.5, right, ha="right", va="center", **options)
    if box.height > THIN:
        axes.text(0.5, 1 - inset[1], top, ha="center", va="top", **options)
        axes.text(0.5, inset[1], bottom, ha="center", va="bottom", **options)


def draw_crosshair(axes: Axes, place: tuple[float, float], shape: Sequence[int]) -> None:
    """Faint lines through a point of a (rows, columns) picture, open around it."""
    (column, row), (rows, columns) = place, shape
    gap = 0.08 * max(rows, columns)
    options: dict[str, Any] = {"color": "white", "linewidth": 0.6, "alpha": 0.55}
    axes.hlines([row, row], [-0.5, column + gap], [column - gap, columns - 0.5], **options)
    axes.vlines([column, column], [-0.5, row + gap], [row - gap, rows - 0.5], **options)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))


def draw_scale_bar(axes: Axes, frame: Frame, plane: Plane, box: Box, size: float) -> None:
    """A bar of a round length, about a quarter of the panel wide."""
    spacing, count = frame.spacing[plane.columns], frame.shape[plane.columns]
    length = nice_length(count * spacing / 4)
    share = length / (count * spacing)
    left, bottom = 0.06 / box.width, 0.07 / box.height
    line = axes.plot([left, left + share], [bottom, bottom], transform=axes.transAxes, color="white", linewidth=2)[0]
    line.set_path_effects(HALO)
    words = f"{length:g} {frame.unit}"
    place: dict[str, Any] = {"ha": "left", "va": "bottom", "color": "white", "size": size, "path_effects": HALO}
    axes.text(left, bottom + 0.03 / box.height, words, transform=axes.transAxes, **place)


def nice_length(longest: float) -> float:
    """The largest of 1, 2, 5, 10, 20, … that is no longer."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(max(nice for nice in NICE_LENGTHS if nice * power <= longest * (1 + 1e-9)) * power)
