"""Curves of a metric over its steps, a line per method: similarities along a cascade, scores while voxels go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from torchesegeta.errors import InputError
from torchesegeta.figures.heading import Words, compose
from torchesegeta.figures.measures import in_words
from torchesegeta.figures.page import MARGIN, Box, Page, line_height, wrap
from torchesegeta.figures.style import PAPER, Style

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Told apart with every common colour blindness (Okabe and Ito)."""

DASHES = ("-", "--", ":", "-.")
HEIGHT, LEFT = 1.9, 0.5

MOST_NAMES = 6
"""Steps that are named on the axis; of more, evenly spaced ones."""

Curve = Sequence[float | None]


def draw_curves(
    panels: Mapping[str, Mapping[str, Curve]],
    steps: Sequence[str],
    *,
    title: str,
    notes: Sequence[str] = (),
    style: Style = PAPER,
) -> Figure:
    """Draw curves: a panel for each figure, a line for each method, which has one colour and dash in all panels.

    Args:
        panels: By the figure's name, by the method's, a value per step; None where there is none.
        steps: Their names. Where all are numbers they are the positions along the axis.
        title: Above them.
        notes: Small print.
        style: Sizes and colours.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        InputError: There is no curve, or one has another number of steps.
    """
    curves = [curve for panel in panels.values() for curve in panel.values()]
    if not curves or any(len(curve) != len(steps) for curve in curves):
        raise InputError(f"curves over {len(steps)} steps need a value for each")
    methods = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    across = min(2, len(panels))
    down, line = -(-len(panels) // across), line_height(style.text_size)
    page_width = style.width + 1.4 * (across - 1)
    width = (page_width - 2 * MARGIN - across * LEFT) / across - 0.1
    ticks = _named_height(steps, style)
    legend = line * -(-len(methods) // 2) + 0.1
    heading = compose(Words(title, notes), style, page_width)
    page = Page(page_width, heading.height + legend + down * (HEIGHT + line + ticks + 0.12), style)
    heading.draw(page)
    _legend(page, methods, heading.height)
    for number, (name, panel) in enumerate(panels.items()):
        top = heading.height + legend + (number // across) * (HEIGHT + line + ticks + 0.12)
        left = MARGIN + LEFT + (number % across) * (width + LEFT + 0.1)
        page.text(left, top, in_words(name), weight="bold")
        axes = page.axes(Box(left, top + line + 0.04, width, HEIGHT))
        _panel(axes, panel, methods, steps, style)
    return page.figure


def _positions(steps: Sequence[str]) -> tuple[list[float], bool]:
    """Where steps lie, and whether their names are numbers."""
    try:
        return [float(step) for step in steps], True
    except ValueError:
        return [float(number) for number in range(len(steps))], False


def _named_height(steps: Sequence[str], style: Style) -> float:
    """Inches that names of steps take below a panel."""
    _, numbers = _positions(steps)
    longest = max(len(name) for name in _short(steps))
    return 0.25 if numbers else min(0.9, 0.12 + longest * style.text_size * 0.42 / 72)


def _short(steps: Sequence[str]) -> list[str]:
    return [step if len(step) <= 18 else f"…{step[-17:]}" for step in steps]


def _panel(axes: Axes, panel: Mapping[str, Curve], methods: Sequence[str], steps: Sequence[str], style: Style) -> None:
    positions, numbers = _positions(steps)
    for name, curve in panel.items():
        values = np.array([np.nan if value is None else value for value in curve], dtype=float)
        colour, dash = _look(methods.index(name))
        axes.plot(positions, values, color=colour, linestyle=dash, linewidth=1.4, marker=".", markersize=3)
    axes.axhline(0, color=style.muted, linewidth=0.5)
    axes.tick_params(labelsize=style.text_size - 1, colors=style.ink, length=2)
    if not numbers:
        chosen = sorted({round(n) for n in np.linspace(0, len(steps) - 1, min(MOST_NAMES, len(steps)))})
        names = _short(steps)
        axes.set_xticks(chosen, [names[n] for n in chosen], rotation=35, ha="right", rotation_mode="anchor")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _look(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]


def _legend(page: Page, methods: Sequence[str], top: float) -> None:
    """Two columns of names, each behind a piece of its line."""
    line, half = line_height(page.style.text_size), (page.width - 2 * MARGIN) / 2
    rows = -(-len(methods) // 2)
    for number, name in enumerate(methods):
        left, height = MARGIN + (number // rows) * half, top + (number % rows) * line
        colour, dash = _look(number)
        axes = page.axes(Box(left, height, 0.3, line))
        axes.plot([0, 1], [0.5, 0.5], color=colour, linestyle=dash, linewidth=1.6)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.axis("off")
        page.text(left + 0.36, height, wrap(name, half - 0.4, page.style.text_size, 1)[0])
