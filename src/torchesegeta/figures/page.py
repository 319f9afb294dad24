"""A figure laid out in inches from its top left corner, so that nothing has to be measured while drawing."""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from torchesegeta.figures.style import Style

LETTER = 0.54
"""Mean width of a letter as a share of the text size; generous, so that wrapped lines fit."""

MARGIN = 0.12


class Box(NamedTuple):
    """A rectangle on the page: inches from the left and the top, width and height."""

    left: float
    top: float
    width: float
    height: float


class Page:
    """A figure of fixed size without any global state.

    Args:
        width: Inches.
        height: Inches.
        style: Text sizes and colours.
    """

    def __init__(self, width: float, height: float, style: Style) -> None:
        self.figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(self.figure)
        self.width, self.height, self.style = width, height, style

    def axes(self, box: Box) -> Axes:
        """Axes that fill a rectangle."""
        bottom = self.height - box.top - box.height
        place = (box.left / self.width, bottom / self.height, box.width / self.width, box.height / self.height)
        return self.figure.add_axes(place)

    def text(self, left: float, top: float, words: str, **options: Any) -> None:
        """Text with its top left corner at a point, unless the options say otherwise."""
        chosen = {"size": self.style.text_size, "color": self.style.ink, "va": "top", "ha": "left", **options}
        self.figure.text(left / self.width, 1 - top / self.height, words, parse_math=False, **chosen)


def line_height(points: float) -> float:
    """Inches from one line of text to the next."""
    return points * 1.32 / 72


def wrap(words: str, width: float, points: float, lines: int) -> list[str]:
    """Break words into at most so many lines of a width in inches; what does not fit ends in an ellipsis."""
    letters = max(int(width * 72 / (points * LETTER)), 8)
    return textwrap.wrap(words, letters, max_lines=lines, placeholder=" …", break_on_hyphens=False)
