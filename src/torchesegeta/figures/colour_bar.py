"""The colour bar and the legend of outlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchesegeta.figures.page import Box, Page
from torchesegeta.figures.scale import Scale
from torchesegeta.figures.scene import Region

BAR_WIDTH = 0.13
ROOM = 0.86
"""Inches that a bar with its numbers and name takes."""


def draw_bar(page: Page, left: float, top: float, height: float, scale: Scale, quantity: str) -> None:
    """A bar with its two or three numbers; the quantity runs along it.

    The colours are shown over black, as they lie on the dark parts of an image.
    """
    axes = page.axes(Box(left, top, BAR_WIDTH, height))
    axes.imshow(scale.bar(), aspect="auto", extent=(0, 1, 0, 1))
    ticks = [0.0, 0.5, 1.0] if scale.signed and scale.low == -scale.high else [0.0, 1.0]
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
    middle = 1 - (top + height / 2) / page.height
    words = shorten(quantity, height, size)
    options: dict[str, Any] = {"size": size, "color": ink, "rotation": 90, "ha": "right", "va": "center"}
    page.figure.text((left - 0.03) / page.width, middle, words, parse_math=False, **options)


def number(value: float) -> str:
    """A number of at most seven letters."""
    return "0" if value == 0 else f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e+").replace("-", "−")


def shorten(words: str, length: float, points: float) -> str:
    """Cut words that would be longer than so many inches."""
    letters = int(length * 72 / (points * 0.56))
    return words if len(words) <= letters else words[: max(letters - 1, 1)] + "…"


def draw_legend(page: Page, left: float, top: float, regions: Sequence[Region]) -> None:
    """Name the outlines in one line; regions that are empty say so."""
    size = page.style.text_size
    for region in regions:
        if not region.mask.any():
            words, start = f"{region.name} (none)", left
        else:
            axes = page.axes(Box(left, top + 0.02, 0.3, 0.12))
            axes.set(facecolor="#4d4d4d", xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
            style = (0, (2.2, 1.2)) if region.dashed else "solid"
            axes.plot([0.05, 0.95], [0.5, 0.5], color=region.colour, linewidth=1.6, linestyle=style)
            words, start = region.name, left + 0.36
        page.text(start, top + 0.005, words, size=size)
        left = start + len(words) * size * 0.54 / 72 + 0.25
