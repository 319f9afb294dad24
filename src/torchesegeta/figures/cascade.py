"""Maps while a model's weights are drawn anew, step by step: a row per method (figure 9 of the framework's paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from torchesegeta.errors import InputError
from torchesegeta.figures.frame import Array, Frame, turned
from torchesegeta.figures.heading import Words, compose
from torchesegeta.figures.page import MARGIN, Box, Page, line_height, wrap
from torchesegeta.figures.scale import scale_for
from torchesegeta.figures.style import PAPER, Style

MOST = 8
"""Steps that are shown; of more, evenly spaced ones with the first and the last."""

GAP, NAME = 0.06, 1.25
"""Inches between pictures, and for the names of methods."""

WIDEST, TALLEST = 9.6, 1.3


@dataclass(frozen=True, eq=False)
class CascadeRow:
    """A method's maps.

    Attributes:
        name: For people.
        views: (steps, rows, columns): projections of the maps along the normal of the frame's first plane, in the order
            of the image's axes; the original's first.
        signed: Whether negative values carry meaning.
        similarity: To the original, step by step, as printed below; None where it cannot be told.
    """

    name: str
    views: Array
    signed: bool
    similarity: Sequence[float | None] = ()


def cascade_strip(
    rows: Sequence[CascadeRow],
    steps: Sequence[str],
    frame: Frame,
    *,
    title: str,
    notes: Sequence[str] = (),
    style: Style = PAPER,
) -> Figure:
    """Draw the maps of several methods at the steps of a cascade; each map has a colour scale of its own.

    Args:
        rows: The methods.
        steps: Names of the steps, the original's first.
        frame: The grid the maps lie on.
        title: Above them.
        notes: Small print.
        style: Sizes and colours.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        InputError: There are no rows, or one has another number of steps.
    """
    if not rows or any(len(row.views) != len(steps) for row in rows):
        raise InputError(f"a strip needs methods with {len(steps)} maps each")
    chosen = sorted({round(n) for n in np.linspace(0, len(steps) - 1, min(MOST, len(steps)))})
    shape = turned(frame, rows[0].views[0], frame.planes[0]).shape
    plane = frame.planes[0]
    aspect = shape[0] * frame.spacing[plane.rows] / (shape[1] * frame.spacing[plane.columns])
    width = min((WIDEST - 2 * MARGIN - NAME) / len(chosen) - GAP, TALLEST / aspect)
    height, line = width * aspect, line_height(style.text_size)
    page_width = max(style.width, 2 * MARGIN + NAME + len(chosen) * (width + GAP))
    heading = compose(Words(title, notes), style, page_width)
    names = [wrap(steps[n].replace(".", ". "), width + GAP, style.text_size, 2) for n in chosen]
    above = line * max(len(name) for name in names) + 0.04
    page = Page(page_width, heading.height + above + len(rows) * (height + line + GAP) + MARGIN, style)
    heading.draw(page)
    for column, name in enumerate(names):
        left = MARGIN + NAME + column * (width + GAP)
        text = "\n".join(name).replace(". ", ".")
        page.text(left, heading.height + above - 0.06, text, va="baseline", linespacing=1.1)
    for number, row in enumerate(rows):
        top = heading.height + above + number * (height + line + GAP)
        lines = wrap(row.name, NAME - 0.1, style.text_size, 4)
        page.text(MARGIN, top + height / 2, "\n".join(lines), va="center", linespacing=1.1)
        for column, step in enumerate(chosen):
            box = Box(MARGIN + NAME + column * (width + GAP), top, width, height)
            _map(page, row, step, box, frame)
    return page.figure


def _map(page: Page, row: CascadeRow, step: int, box: Box, frame: Frame) -> None:
    values = np.nan_to_num(turned(frame, row.views[step], frame.planes[0]))
    if not row.signed:
        values = np.abs(values)
    scale = scale_for(values, row.signed, style=page.style)
    axes = page.axes(box)
    axes.imshow(scale.blend(np.zeros_like(values, dtype=np.float32), values), aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for edge in axes.spines.values():
        edge.set_visible(False)
    similarity = row.similarity[step] if step < len(row.similarity) else None
    below = "" if similarity is None else f"{similarity:.2f}".replace("-", "−")
    page.text(box.left, box.top + box.height + 0.02, below, color=page.style.muted)
