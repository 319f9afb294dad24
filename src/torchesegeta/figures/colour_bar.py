"""The colour bar and the legend of outlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchesegeta.figures.numbers import number
from torchesegeta.figures.page import LETTER, MARGIN, Box, Page, wrap
from torchesegeta.figures.panel import line_style
from torchesegeta.figures.scale import Scale
from torchesegeta.figures.scene import Region

BAR_WIDTH = 0.13
ROOM = 1.14
"""Inches at the right of a page for a bar with its numbers and name."""

LEFT = 0.42
LOWEST = 0.9
"""Inches a bar is high at least, so that its numbers do not meet."""


def draw_bar(page: Page, beside: Box, scale: Scale, quantity: str) -> None:
    """A bar at the right of the page, as high as the panels beside it, with its numbers; the quantity runs along it.

    The colours are shown over black, as they lie on the dark parts of an image.
    """
    box = Box(page.width - MARGIN - ROOM + LEFT, beside.top, BAR_WIDTH, max(beside.height, LOWEST))
    axes = page.axes(box)
    axes.imshow(scale.bar(), aspect="auto", extent=(0, 1, 0, 1))
    middle = scale.signed and scale.low == -scale.high
    ticks = [0.0, 0.5, 1.0] if middle else [0.0, 1.0]
    values = [scale.low + tick * (scale.high - scale.low) for tick in ticks]
    size, ink = page.style.text_size, page.style.ink
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks(ticks, [number(value) for value in values], size=size, color=ink)
    axes.tick_params(axis="y", length=2, pad=2, color=ink)
    for edge in axes.spines.values():
        edge.set_linewidth(0.5)
    labels = axes.get_yticklabels()
    labels[0].set_verticalalignment("bottom")
    labels[-1].set_verticalalignment("top")
    words = "\n".join(wrap(quantity, box.height * 1.05, size, 2))
    options: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center", "linespacing": 1.05}
    page.text(box.left - 0.03, box.top + box.height / 2, words, multialignment="center", **options)


def draw_legend(page: Page, regions: Sequence[Region]) -> None:
    """Name the outlines in one line at the foot of the page; regions that are empty say so."""
    left, top, size = MARGIN, page.height - 0.22, page.style.text_size
    for region in regions:
        words = region.name
        if region.mask.any():
            axes = page.axes(Box(left, top + 0.02, 0.3, 0.12))
            axes.set(facecolor="#4d4d4d", xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
            for edge in axes.spines.values():
                edge.set_visible(False)
            axes.plot([0.05, 0.95], [0.5, 0.5], color=region.colour, linewidth=1.6, linestyle=line_style(region))
            left += 0.36
        else:
            words += " (none)"
        page.text(left, top + 0.005, words)
        left += len(words) * size * LETTER / 72 + 0.2
