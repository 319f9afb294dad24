"""How far methods agree: rank correlations in the order of a tree, the tree above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from torchesegeta.figures.heading import Words, compose
from torchesegeta.figures.matrix import Matrix, draw_matrix
from torchesegeta.figures.page import MARGIN, Box, Page
from torchesegeta.figures.style import PAPER, Style, colour_map

if TYPE_CHECKING:
    from torchesegeta.metrics.agreement import Agreement

TREE = 0.7
"""Inches the tree is high."""
LONGEST = 27
"""Letters of a name that are shown."""


def draw_agreement(agreement: Agreement, *, title: str | None = None, style: Style = PAPER) -> Figure:
    """Draw how far the maps of one image and target agree.

    Args:
        agreement: Of `torchesegeta.agreement`.
        title: Without: what is shown.
        style: Sizes and colours.

    Returns:
        The figure: the tree of the maps, and below it Spearman's ρ of each two; neighbours are alike.
    """
    order = list(agreement.order)
    names = [f"{_short(agreement.names[n])} ({_letter(agreement.clusters[n])}) {at}" for at, n in enumerate(order, 1)]
    values = agreement.correlation[order][:, order]
    matrix = Matrix(values, names, [str(n + 1) for n in range(len(order))], -1, 1, colour_map(style.signed))
    cells = matrix.size(style.width - matrix.left(style) - 2 * MARGIN)
    width = max(style.width, matrix.left(style) + cells.width + 2 * MARGIN)
    heading = compose(_words(agreement, title), style, width)
    top = heading.height + TREE + matrix.above(style)
    page = Page(width, top + cells.height + MARGIN, style)
    heading.draw(page)
    place = Box(MARGIN + matrix.left(style), top, cells.width, cells.height)
    draw_matrix(page, matrix, place)
    _draw_tree(page, agreement, Box(place.left, heading.height, place.width, TREE))
    return page.figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _letter(cluster: int) -> str:
    """A, B, …; beyond Z the number."""
    return chr(ord("A") + cluster - 1) if cluster <= 26 else str(cluster)


def _words(agreement: Agreement, title: str | None) -> Words:
    count = len(set(agreement.clusters))
    notes = [
        "Spearman's ρ, voxel by voxel",
        f"in brackets: clusters ({count}) of maps whose mean ρ is at least {agreement.alike:g}",
        "magnitudes are compared" if agreement.absolute else "values are compared with their signs",
    ]
    named = agreement.consensus.target
    target = "" if named is None else f" for class {named}" if named.isdigit() else f" for {named}"
    alerts = [f"{name} is left out: {why}" for name, why in agreement.left_out.items()]
    return Words(title or f"Agreement of methods{target} ({agreement.consensus.image})", notes, alerts)


def _draw_tree(page: Page, agreement: Agreement, place: Box) -> None:
    """The tree, each leaf over its column; the height of a branch is its distance 1 − ρ."""
    from scipy.cluster.hierarchy import dendrogram

    branches = dendrogram(agreement.tree, no_plot=True, count_sort=False, distance_sort=False)
    axes = page.axes(place)
    for across, up in zip(branches["icoord"], branches["dcoord"], strict=True):
        axes.plot([x / 10 for x in across], up, color=page.style.ink, linewidth=0.8)
    limit = 1 - agreement.alike
    axes.axhline(limit, color=page.style.muted, linewidth=0.6, linestyle="--")
    highest = max(float(agreement.tree[:, 2].max()), limit)
    axes.set(xlim=(0, len(agreement.names)), ylim=(0, 1.05 * highest), xticks=[], yticks=[])
    axes.set_axis_off()
    height = place.top + place.height * (1 - limit / (1.05 * highest))
    words = f"mean ρ = {agreement.alike:g}"
    page.text(place.left - 0.06, height, words, ha="right", va="center", color=page.style.muted)
