"""A map of a 2D image: the image, the map over it, the map alone."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from torchesegeta.figures.brightness import Brightness
from torchesegeta.figures.colour_bar import draw_bar, draw_legend
from torchesegeta.figures.heading import Heading
from torchesegeta.figures.page import Box, Page, line_height
from torchesegeta.figures.panel import draw_marks, draw_outlines, draw_picture, draw_scale_bar
from torchesegeta.figures.scale import Limits, scale_for
from torchesegeta.figures.scene import Scene
from torchesegeta.figures.volume import LEGEND, columns_for


def draw_flat(
    scene: Scene, shown: Brightness, heading: Heading, quantity: str, target: int | None, limits: Limits
) -> Figure:
    """Draw a map of a 2D image; arguments as for `draw_volume`."""
    style, plane = scene.style, scene.frame.planes[0]
    columns = columns_for(scene.frame, [plane] * 3, style.width, style.row_height)
    caption, regions = line_height(style.text_size), scene.regions(target)
    page = Page(columns.width, heading.height + caption + columns.height + 0.1 + (LEGEND if regions else 0), style)
    heading.draw(page)
    scale = scale_for(shown.values, shown.signed, limits, style)
    values, ground = plane.cut(shown.values, 0), scene.cut(plane, 0)
    pictures = (scene.photograph(), scale.blend(ground, values), scale.blend(np.zeros_like(ground), values))
    top = heading.height + caption
    for title, picture, box in zip(("image", "map over the image", "map"), pictures, columns.boxes, strict=True):
        page.text(box.left, heading.height, title)
        axes = draw_picture(page, box._replace(top=top), picture)
        if title != "map":
            draw_outlines(axes, [(region, plane.cut(region.mask, 0)) for region in regions], style.line_width)
        if title == "image":
            draw_marks(axes, plane, box, style.text_size)
            draw_scale_bar(axes, scene.frame, plane, box, style.text_size)
    if not shown.is_zero:
        draw_bar(page, Box(0, top, 0, columns.height), scale, quantity)
    draw_legend(page, regions)
    return page.figure
