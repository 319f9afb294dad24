"""Views of a picture in rows and columns: slices, projections, channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchesegeta.figures.frame import Array, Frame, Plane
from torchesegeta.figures.page import Box, Page, line_height
from torchesegeta.figures.panel import draw_marks, draw_picture, draw_scale_bar
from torchesegeta.figures.prints import Print
from torchesegeta.figures.style import Style

GAP = 0.05
"""Inches between the views of a picture."""

ROOMY = 0.9
"""Inches a view must be wide to be given a scale bar."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One view of a picture.

    Attributes:
        pixels: (rows, columns) or (rows, columns, 3), in [0, 1].
        plane: How it lies.
        frame: The grid it lies on.
        title: What stands above it.
        placed: Whether its sides are the patient's.
    """

    pixels: Array
    plane: Plane
    frame: Frame
    title: str
    placed: bool

    @property
    def width(self) -> float:
        """In millimetres, or in voxels without spacing."""
        return self.frame.shape[self.plane.columns] * self.frame.spacing[self.plane.columns]

    @property
    def height(self) -> float:
        """As `width`."""
        return self.frame.shape[self.plane.rows] * self.frame.spacing[self.plane.rows]


@dataclass(frozen=True, eq=False)
class Block:
    """All views of a picture, at one scale.

    Attributes:
        rows: The views.
    """

    rows: tuple[tuple[Tile, ...], ...]

    @property
    def columns(self) -> tuple[float, ...]:
        """Widths of the columns, each that of its widest view."""
        count = max(len(row) for row in self.rows)
        return tuple(max(row[n].width for row in self.rows if n < len(row)) for n in range(count))

    def scale_for(self, width: float, height: float) -> float:
        """Inches per millimetre at which the block fits a width, and each of its rows a height."""
        across = (width - GAP * (len(self.columns) - 1)) / sum(self.columns)
        return min(across, height / max(tile.height for row in self.rows for tile in row))

    def width(self, scale: float) -> float:
        """Inches it takes."""
        return sum(self.columns) * scale + GAP * (len(self.columns) - 1)

    def height(self, scale: float, style: Style) -> float:
        """Inches it takes, the titles of its views included."""
        heights = [_above(row, style) + max(tile.height for tile in row) * scale for row in self.rows]
        return sum(heights) + GAP * (len(heights) - 1)

    def draw(self, page: Page, left: float, top: float, scale: float, *, first: bool) -> None:
        """Draw it; the first block of a page has a scale bar on its first view where there is room."""
        lefts = [left + sum(self.columns[:n]) * scale + GAP * n for n in range(len(self.columns))]
        for row in self.rows:
            above = _above(row, page.style)
            for tile, x in zip(row, lefts, strict=False):
                page.text(x, top, tile.title)
                box = Box(x, top + above, tile.width * scale, tile.height * scale)
                _draw(page, tile, box, first=first, bar=first and tile is self.rows[0][0])
            top += above + max(tile.height for tile in row) * scale + GAP


def _above(row: Sequence[Tile], style: Style) -> float:
    return line_height(style.text_size) if any(tile.title for tile in row) else 0.0


def _draw(page: Page, tile: Tile, box: Box, *, first: bool, bar: bool) -> None:
    axes, size = draw_picture(page, box, tile.pixels), page.style.text_size
    anatomical = tile.frame.affine is not None
    if tile.placed and box.width > ROOMY and (first or anatomical):
        draw_marks(axes, tile.plane, box, size)
    if bar and box.width > ROOMY:
        draw_scale_bar(axes, tile.frame, tile.plane, box, size)


def flat(picture: Print) -> Block:
    """A 2D picture: its channels side by side."""
    plane = picture.frame.planes[0]
    return Block((tuple(_slice(picture, n, plane, picture.names[n]) for n in range(len(picture.channels))),))


def full(picture: Print) -> Block:
    """A volume: three slices and, below them, three maximum-intensity projections, of each channel."""
    rows = []
    for n, name in enumerate(picture.names):
        start, planes = f"{name}, " if name else "", picture.frame.planes
        rows.append(tuple(_slice(picture, n, p, start + p.name) for p in planes))
        rows.append(tuple(_projection(picture, n, p, f"{start}{p.name} projection") for p in planes))
    return Block(tuple(rows))


def slices(picture: Print, centre: Sequence[float]) -> Block:
    """A volume: three slices through a point, of each channel."""
    rows = [
        tuple(_slice(picture, n, p, f"{name}, {p.name}" if name else p.name, centre) for p in picture.frame.planes)
        for n, name in enumerate(picture.names)
    ]
    return Block(tuple(rows))


def compact(picture: Print) -> Block:
    """A picture in a sheet: a volume as three slices and a projection in a square; channels side by side."""
    if len(picture.frame.planes) == 1:
        return flat(picture)
    first, second, third = picture.frame.planes
    channels = range(len(picture.channels))
    upper = [_slice(picture, n, plane) for n in channels for plane in (second, third)]
    lower = [tile for n in channels for tile in (_slice(picture, n, first), _projection(picture, n, first))]
    return Block((tuple(upper), tuple(lower)))


def column(picture: Print, centre: Sequence[float]) -> Block:
    """A picture in a strip: its planes, or its channels, one below the other."""
    planes = picture.frame.planes if len(picture.channels) == 1 else picture.frame.planes[:1]
    views = [_slice(picture, n, plane, "", centre) for n in range(len(picture.channels)) for plane in planes]
    return Block(tuple((view,) for view in views))


def _slice(picture: Print, channel: int, plane: Plane, title: str = "", centre: Sequence[float] | None = None) -> Tile:
    pixels = picture.cut(channel, plane, picture.centre if centre is None else centre)
    return Tile(pixels, plane, picture.frame, title, picture.placed)


def _projection(picture: Print, channel: int, plane: Plane, title: str = "") -> Tile:
    return Tile(picture.project(channel, plane), plane, picture.frame, title, picture.placed)
