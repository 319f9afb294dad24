"""A table whose cells are coloured and numbered, with names at its rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from torchesegeta.figures.frame import Array
from torchesegeta.figures.page import LETTER, MARGIN, Box, Page
from torchesegeta.figures.style import Style

CELL = Box(0, 0, 0.46, 0.26)
"""A cell at its smallest."""
WIDEST_NAME = 2.4


@dataclass(frozen=True, eq=False)
class Matrix:
    """The cells of a table.

    Attributes:
        values: (rows, columns); what is not finite stays empty.
        rows: Names.
        columns: Names.
        low: Value of the first colour.
        high: Value of the last one.
        colours: The colours.
    """

    values: Array
    rows: Sequence[str]
    columns: Sequence[str]
    low: float
    high: float
    colours: Colormap

    def left(self, style: Style) -> float:
        """Inches that the names of the rows take."""
        return min(WIDEST_NAME, _length(self.rows, style)) + MARGIN

    def above(self, style: Style) -> float:
        """Inches that the names of the columns take; slanted where they are long."""
        length = _length(self.columns, style)
        return 0.22 if length <= CELL.width else 0.75 * min(WIDEST_NAME, length) + 0.1

    def size(self, room: float) -> Box:
        """Of the cells together, in at most so many inches across where they fit at all."""
        count = len(self.columns)
        width = max(CELL.width, min(0.8, room / count))
        return Box(0, 0, width * count, CELL.height * len(self.rows))


def _length(names: Sequence[str], style: Style) -> float:
    return max(map(len, names)) * style.text_size * LETTER / 72


def draw_matrix(page: Page, matrix: Matrix, place: Box) -> Axes:
    """Draw the cells into a rectangle, and the names to its left and above it."""
    style = page.style
    axes = page.axes(place)
    shares = (np.nan_to_num(matrix.values) - matrix.low) / ((matrix.high - matrix.low) or 1)
    shown = matrix.colours(np.clip(shares, 0, 1))
    shown[~np.isfinite(matrix.values)] = 1
    axes.imshow(shown, aspect="auto", interpolation="nearest")
    for (row, column), value in np.ndenumerate(matrix.values):
        if np.isfinite(value):
            dark = float(np.dot(shown[row, column, :3], (0.2126, 0.7152, 0.0722))) < 0.45
            ink = "white" if dark else style.ink
            axes.text(column, row, f"{value:.2f}", size=style.text_size, color=ink, ha="center", va="center")
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_linewidth(0.5)
    _names(page, matrix, place)
    return axes


def _names(page: Page, matrix: Matrix, place: Box) -> None:
    style, most = page.style, int(WIDEST_NAME * 72 / (page.style.text_size * LETTER))
    height, width = place.height / len(matrix.rows), place.width / len(matrix.columns)
    for number, name in enumerate(matrix.rows):
        page.text(place.left - 0.06, place.top + (number + 0.5) * height, _cut(name, most), ha="right", va="center")
    slanted = _length(matrix.columns, style) > CELL.width
    for number, name in enumerate(matrix.columns):
        middle = place.left + (number + 0.5) * width
        options = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if slanted else {"ha": "center"}
        page.text(middle, place.top - 0.05, _cut(name, most), va="baseline", **options)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
