"""A map of a volume: three orthogonal slices and, below them, three maximum-intensity projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from torchesegeta.figures.brightness import Brightness
from torchesegeta.figures.colour_bar import ROOM, draw_bar, draw_legend
from torchesegeta.figures.frame import Array, Frame, Plane
from torchesegeta.figures.heading import Heading
from torchesegeta.figures.page import MARGIN, Box, Page, line_height
from torchesegeta.figures.panel import draw_crosshair, draw_marks, draw_outlines, draw_picture, draw_scale_bar
from torchesegeta.figures.scale import Scale, scale_for
from torchesegeta.figures.scene import Region, Scene

GAP = 0.08
NARROWEST = 1.15
"""Inches a column takes at least, so that its title fits."""

Limits = tuple[float, float] | None


@dataclass(frozen=True)
class Columns:
    """Three panels side by side at one scale, so that a millimetre is as long in each.

    Attributes:
        boxes: Left edge, 0, width and height of each panel.
        height: Of the highest panel.
        width: Of the page.
    """

    boxes: tuple[Box, ...]
    height: float
    width: float


def columns_for(frame: Frame, planes: Sequence[Plane], width: float, row_height: float) -> Columns:
    """Lay panels out beside a colour bar on a page of at least this width."""
    across = [frame.shape[plane.columns] * frame.spacing[plane.columns] for plane in planes]
    down = [frame.shape[plane.rows] * frame.spacing[plane.rows] for plane in planes]
    room = width - 2 * MARGIN - ROOM - GAP * (len(planes) - 1)
    inches = min(room / sum(across), row_height / max(down))
    slots = [max(length * inches, NARROWEST) for length in across]
    lefts = [MARGIN + sum(slots[:n]) + GAP * n for n in range(len(slots))]
    boxes = tuple(Box(x, 0, a * inches, d * inches) for x, a, d in zip(lefts, across, down, strict=True))
    return Columns(boxes, max(box.height for box in boxes), max(width, lefts[-1] + slots[-1] + ROOM + MARGIN))


def draw_volume(
    scene: Scene, shown: Brightness, heading: Heading, quantity: str, target: int | None, limits: Limits
) -> Figure:
    """Draw a map of a volume.

    Args:
        scene: The image.
        shown: The map on the display grid.
        heading: Words above the panels.
        quantity: What the colours mean.
        target: Class whose regions are outlined; None for every class.
        limits: Values of the first and last colour, or None for robust limits of each row.

    Returns:
        The figure.
    """
    style, frame = scene.style, scene.frame
    columns = columns_for(frame, frame.planes, style.width, style.row_height)
    caption, regions = line_height(style.text_size), scene.regions(target)
    row = caption + columns.height + 0.1
    page = Page(columns.width, heading.height + 2 * row + (0.2 if regions else 0) + 0.04, style)
    heading.draw(page)
    _slices(page, scene, shown, columns, heading.height, quantity, regions, limits)
    _projections(page, scene, shown, columns, heading.height + row, quantity, regions, limits)
    draw_legend(page, MARGIN, page.height - 0.22, regions)
    return page.figure


def _slices(
    page: Page,
    scene: Scene,
    shown: Brightness,
    columns: Columns,
    top: float,
    quantity: str,
    regions: Sequence[Region],
    limits: Limits,
) -> None:
    scale, frame, centre = scale_for(shown.values, shown.signed, limits, page.style), scene.frame, shown.centre
    for plane, box in zip(frame.planes, columns.boxes, strict=True):
        index = centre[plane.normal]
        values, ground = plane.cut(shown.values, index), scene.cut(plane, index)
        outlines = [(region, plane.cut(region.mask, index)) for region in regions]
        title = f"{plane.name}, {frame.position(plane, index)}"
        axes = _panel(page, box, top, title, scale.blend(ground, values), outlines)
        draw_crosshair(axes, plane.place(centre, frame.shape), ground.shape)
        draw_marks(axes, plane, box, page.style.text_size)
        if plane is frame.planes[0]:
            draw_scale_bar(axes, frame, plane, box, page.style.text_size)
    _bar(page, columns, top, scale, quantity, shown.is_zero)


def _projections(
    page: Page,
    scene: Scene,
    shown: Brightness,
    columns: Columns,
    top: float,
    quantity: str,
    regions: Sequence[Region],
    limits: Limits,
) -> None:
    pictures = [shown.project(plane) for plane in scene.frame.planes]
    brightest = max((scale_for(p, shown.signed, limits, page.style) for p in pictures), key=lambda scale: scale.high)
    for plane, box, values in zip(scene.frame.planes, columns.boxes, pictures, strict=True):
        outlines = [(region, region.project(plane)) for region in regions]
        picture = brightest.blend(scene.projection(plane), values)
        axes = _panel(page, box, top, f"{plane.name} projection", picture, outlines)
        draw_marks(axes, plane, box, page.style.text_size)
    _bar(page, columns, top, brightest, quantity, shown.is_zero)


def _panel(
    page: Page, box: Box, top: float, title: str, picture: Array, outlines: Sequence[tuple[Region, Array]]
) -> Axes:
    page.text(box.left, top, title)
    axes = draw_picture(page, box._replace(top=top + line_height(page.style.text_size)), picture)
    draw_outlines(axes, outlines, page.style.line_width)
    return axes


def _bar(page: Page, columns: Columns, top: float, scale: Scale, quantity: str, empty: bool) -> None:
    if not empty:
        left = page.width - MARGIN - ROOM + 0.28
        draw_bar(page, left, top + line_height(page.style.text_size), max(columns.height, 0.8), scale, quantity)
