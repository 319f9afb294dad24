"""A page of pictures side by side, each with a caption above and words below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from torchesegeta.figures.heading import Words, compose
from torchesegeta.figures.page import LETTER, MARGIN, Box, Page, line_height, wrap
from torchesegeta.figures.style import Style
from torchesegeta.figures.tiles import Block

GAP = 0.14
"""Inches between pictures."""

WIDEST = 9.6
"""Inches a page is wide at most."""

EMPTY = "#f0f0f0"
FEWEST_LETTERS = 15
TALLEST_GAP = 0.9
"""Inches that a missing picture is high at most, where no other makes the row higher."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture of a page.

    Attributes:
        title: What stands above it.
        block: Its views; None where it is missing.
        below: Lines below it.
        missing: Why there is none.
    """

    title: str
    block: Block | None
    below: Sequence[str] = ()
    missing: str = ""


@dataclass(frozen=True)
class Cells:
    """How pictures are laid out.

    Attributes:
        count: Pictures in a row.
        width: Inches of a picture.
        scale: Inches per millimetre of the views.
        page: Inches of the page.
    """

    count: int
    width: float
    scale: float
    page: float


def cells_for(entries: Sequence[Entry], style: Style, tallest: float, most: int | None = None) -> Cells:
    """Lay pictures out in rows that are as even as can be.

    Args:
        entries: The pictures.
        style: Sizes.
        tallest: Inches a row of views is high at most.
        most: Pictures in a row at most; None: as many as fit.
    """
    blocks = [entry.block for entry in entries if entry.block is not None]
    views = max((len(block.columns) for block in blocks), default=1)
    least = max(0.62 * views, FEWEST_LETTERS * style.text_size * LETTER / 72)
    fitting = max(1, int((WIDEST - 2 * MARGIN + GAP) / (least + GAP)))
    count = min(len(entries), fitting, most or fitting)
    count = -(-len(entries) // -(-len(entries) // count))
    room = (style.width - 2 * MARGIN - GAP * (count - 1)) / count
    width = max(room, least)
    scale = min((block.scale_for(width, tallest) for block in blocks), default=1.0)
    widest = max((block.width(scale) for block in blocks), default=width)
    width = max(widest, least)
    return Cells(count, width, scale, max(style.width, 2 * MARGIN + count * (width + GAP) - GAP))


def draw_contact(
    entries: Sequence[Entry], words: Words, style: Style, *, tallest: float, most: int | None = None
) -> Figure:
    """Draw pictures side by side; arguments as of `cells_for`."""
    cells, line = cells_for(entries, style, tallest, most), line_height(style.text_size)
    heading = compose(words, style, cells.page)
    titles = [wrap(entry.title.replace(".", ". "), cells.width, style.text_size, 2) for entry in entries]
    rows = [range(start, min(start + cells.count, len(entries))) for start in range(0, len(entries), cells.count)]
    above = [line * max(len(titles[n]) for n in row) for row in rows]
    middle = [max(_height(entries[n], cells, style) for n in row) for row in rows]
    below = [line * max(len(entries[n].below) for n in row) + 0.1 for row in rows]
    page = Page(cells.page, heading.height + sum(above) + sum(middle) + sum(below) + 0.04, style)
    heading.draw(page)
    top = heading.height
    for row, title, height, foot in zip(rows, above, middle, below, strict=True):
        for n in row:
            left = MARGIN + (n - row[0]) * (cells.width + GAP)
            caption = "\n".join(titles[n]).replace(". ", ".")
            page.text(left, top + title - 0.04, caption, va="bottom", linespacing=1.1)
            _entry(page, entries[n], Box(left, top + title, cells.width, height), cells, first=n == 0)
        top += title + height + foot
    return page.figure


def _height(entry: Entry, cells: Cells, style: Style) -> float:
    return min(0.6 * cells.width, TALLEST_GAP) if entry.block is None else entry.block.height(cells.scale, style)


def _entry(page: Page, entry: Entry, box: Box, cells: Cells, *, first: bool) -> None:
    style = page.style
    if entry.block is None:
        axes = page.axes(box)
        axes.set(facecolor=EMPTY, xticks=[], yticks=[])
        for edge in axes.spines.values():
            edge.set_visible(False)
        lines = max(int(box.height / line_height(style.text_size)), 1)
        text = "\n".join(wrap(entry.missing, box.width - 0.1, style.text_size, lines))
        page.text(box.left + 0.05, box.top + 0.05, text, color=style.alert, linespacing=1.15)
    else:
        entry.block.draw(page, box.left, box.top, cells.scale, first=first)
    foot = box.top + (box.height if entry.block is None else entry.block.height(cells.scale, style)) + 0.03
    page.text(box.left, foot, "\n".join(entry.below), color=style.muted, linespacing=1.15)
