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
from torchesegeta.figures.scale import Limits, Scale, scale_for
from torchesegeta.figures.scene import Region, Scene

GAP = 0.08
NARROWEST = 1.15
"""Inches a column takes at least, so that its title fits."""

LEGEND = 0.22
"""Inches the legend of outlines takes."""


@dataclass(frozen=True)
class Columns:
    """Panels side by side at one scale, so that a millimetre is as long in each.

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


@dataclass(frozen=True, eq=False)
class Sheet:
    """A page of panels being filled.

    Attributes:
        page: Where is drawn.
        scene: The image.
        shown: The map on the display grid.
        columns: Where the panels of a row lie.
        quantity: What the colours mean.
        regions: What is outlined.
        limits: Values of the first and last colour, or None for robust limits of each row.
    """

    page: Page
    scene: Scene
    shown: Brightness
    columns: Columns
    quantity: str
    regions: Sequence[Region]
    limits: Limits

    def slices(self, top: float) -> None:
        """Draw the slices through the centre of the map in a row."""
        frame, shown, size = self.scene.frame, self.shown, self.page.style.text_size
        scale = scale_for(shown.values, shown.signed, self.limits, self.page.style)
        for plane, box in zip(frame.planes, self.columns.boxes, strict=True):
            index = shown.centre[plane.normal]
            picture = scale.blend(self.scene.cut(plane, index), plane.cut(shown.values, index))
            axes = self._panel(box, top, f"{plane.name}, {frame.position(plane, index)}", picture)
            outlines = [(region, plane.cut(region.mask, index)) for region in self.regions]
            draw_outlines(axes, outlines, self.page.style.line_width)
            draw_crosshair(axes, plane.place(shown.centre, frame.shape), picture.shape[:2])
            draw_marks(axes, plane, box, size)
            if plane is frame.planes[0]:
                draw_scale_bar(axes, frame, plane, box, size)
        self._bar(top, scale, self.quantity)

    def projections(self, top: float) -> None:
        """Draw the maximum-intensity projections in a row, on one scale."""
        frame, style = self.scene.frame, self.page.style
        pictures = [self.shown.project(plane) for plane in frame.planes]
        scales = [scale_for(picture, self.shown.signed, self.limits, style) for picture in pictures]
        scale = max(scales, key=lambda one: one.high)
        for plane, box, values in zip(frame.planes, self.columns.boxes, pictures, strict=True):
            picture = scale.blend(self.scene.projection(plane), values)
            axes = self._panel(box, top, f"{plane.name} projection", picture)
            outlines = [(region, region.project(plane)) for region in self.regions]
            draw_outlines(axes, outlines, 0.7 * style.line_width)
            draw_marks(axes, plane, box, style.text_size)
        self._bar(top, scale, f"{'strongest' if self.shown.signed else 'highest'} {self.quantity}")

    def _panel(self, box: Box, top: float, title: str, picture: Array) -> Axes:
        self.page.text(box.left, top, title)
        return draw_picture(self.page, box._replace(top=top + line_height(self.page.style.text_size)), picture)

    def _bar(self, top: float, scale: Scale, quantity: str) -> None:
        if not self.shown.is_zero:
            top += line_height(self.page.style.text_size)
            draw_bar(self.page, Box(0, top, 0, self.columns.height), scale, quantity)


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
    style, regions = scene.style, scene.regions(target)
    columns = columns_for(scene.frame, scene.frame.planes, style.width, style.row_height)
    row = line_height(style.text_size) + columns.height + 0.1
    page = Page(columns.width, heading.height + 2 * row + (LEGEND if regions else 0) + 0.04, style)
    sheet = Sheet(page, scene, shown, columns, quantity, regions, limits)
    heading.draw(page)
    sheet.slices(heading.height)
    sheet.projections(heading.height + row)
    draw_legend(page, regions)
    return page.figure
