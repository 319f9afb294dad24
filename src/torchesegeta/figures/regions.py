"""Which structure feeds which class: shares by region as a table in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.figure import Figure

from torchesegeta.figures.heading import Words, compose, human
from torchesegeta.figures.matrix import Matrix, draw_matrix
from torchesegeta.figures.page import MARGIN, Box, Page
from torchesegeta.figures.style import PAPER, Style, colour_map

if TYPE_CHECKING:
    from torchesegeta.metrics.region_table import RegionTable

MOST = 30
"""Structures that are drawn."""


def draw_regions(
    table: RegionTable,
    *,
    shows: Literal["share", "density"] = "share",
    title: str | None = None,
    style: Style = PAPER,
) -> Figure:
    """Draw which structure feeds which class.

    Args:
        table: Of `torchesegeta.region_tables`.
        shows: The share of the map, or its share over that of the volume.
        title: Without: what is shown.
        style: Sizes and colours.

    Returns:
        The figure: a row for each structure, the strongest first, and a column for each class.
    """
    values = table.share if shows == "share" else table.density
    strength = np.nan_to_num(values, nan=-1).max(axis=1)
    order = np.argsort(-strength, kind="stable")[:MOST]
    rows = [table.structures[n] for n in order]
    colours = colour_map(style.one_signed)
    high = float(np.nanmax(values[order])) if shows == "density" else 1.0
    matrix = Matrix(values[order], rows, table.targets, 0.0, high, colours)
    cells = matrix.size(style.width - matrix.left(style) - 2 * MARGIN)
    width = max(style.width, matrix.left(style) + cells.width + 2 * MARGIN)
    heading = compose(_words(table, shows, title), style, width)
    top = heading.height + matrix.above(style)
    page = Page(width, top + cells.height + MARGIN, style)
    heading.draw(page)
    draw_matrix(page, matrix, Box(MARGIN + matrix.left(style), top, cells.width, cells.height))
    return page.figure


def _words(table: RegionTable, shows: str, title: str | None) -> Words:
    what = {
        "share": "share of the map in each structure",
        "density": "share of the map in each structure, over its share of the image: 1 is what an even map gives",
    }[shows]
    least, most = int(table.images[table.images > 0].min()), int(table.images.max())
    images = f"{most}" if least == most else f"{least} to {most}"
    layer = f" at layer {table.layer}" if table.layer else ""
    hidden = len(table.structures) - MOST
    alerts = [f"{hidden} weaker structures are not drawn"] if hidden > 0 else []
    named = title or f"{human(table.label)}{layer}: which structure feeds which class"
    return Words(named, [what, f"mean over {images} image{'' if most == 1 else 's'}"], alerts)
