"""Maps side by side in the same slice: one method over layers, or one method over targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from torchesegeta.errors import InputError
from torchesegeta.figures.brightness import Brightness, brightness
from torchesegeta.figures.colour_bar import BAR_WIDTH, ROOM, draw_bar, draw_legend, number
from torchesegeta.figures.frame import Plane
from torchesegeta.figures.heading import Heading, compose, human, parameter_words
from torchesegeta.figures.page import MARGIN, Box, Page, line_height, wrap
from torchesegeta.figures.panel import draw_marks, draw_outlines, draw_picture, draw_scale_bar
from torchesegeta.figures.scale import Scale, robust_limit
from torchesegeta.figures.scene import Region, Scene
from torchesegeta.figures.volume import GAP
from torchesegeta.types import Attribution

MOST_COLUMNS = 6
SMALLEST, LARGEST = 1.3, 2.2
"""Inches a panel is wide."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One panel of a gallery: its title, its map, what stands below it and what is outlined."""

    title: str
    shown: Brightness
    footer: str
    regions: Sequence[Region]
    scale: Scale


def draw_layer_strip(
    scene: Scene, attributions: Sequence[Attribution], *, plane: str, shared: bool, title: str | None
) -> Figure:
    """Draw one method and target over several layers; see `layer_strip`."""
    drawn, left_out = _drawable(scene, attributions)
    maps = [brightness(attribution, scene.image, scene.frame) for attribution in drawn]
    first = drawn[0]
    target = first.target if first.target_index is None else scene.class_name(first.target_index)
    regions = scene.regions(first.target_index) if first.target is not None else ()
    scales = _scales(scene, maps, shared)
    entries = [
        Entry(a.layer or "input", m, _footer(a, m), regions, s) for a, m, s in zip(drawn, maps, scales, strict=True)
    ]
    name = title or human(first.method)
    heading = f"{name}{f' for {target}' if target else ''}, layer by layer"
    one_scale = shared or len(drawn) == 1
    notes = parameter_words(first.parameters) + ([] if one_scale else ["colours end at each layer's own limit"])
    bar = (scales[0], first.quantity) if one_scale else None
    return _draw(scene, entries, _plane(scene, plane), heading, notes, left_out, bar)


def draw_target_panel(scene: Scene, attributions: Sequence[Attribution], *, plane: str, title: str | None) -> Figure:
    """Draw one method for several targets on one scale; see `target_panel`."""
    drawn, left_out = _drawable(scene, attributions)
    maps = [brightness(attribution, scene.image, scene.frame) for attribution in drawn]
    first, scales = drawn[0], _scales(scene, maps, shared=True)
    entries = [
        Entry(a.target or scene.class_name(a.target_index), m, _footer(a, m), scene.regions(a.target_index), s)
        for a, m, s in zip(drawn, maps, scales, strict=True)
    ]
    layer = f" at layer {first.layer}" if first.layer else ""
    heading = f"{title or human(first.method)}{layer}, target by target"
    notes = [*parameter_words(first.parameters), "one colour scale"]
    return _draw(scene, entries, _plane(scene, plane), heading, notes, left_out, (scales[0], first.quantity))


def _drawable(scene: Scene, attributions: Sequence[Attribution]) -> tuple[list[Attribution], list[str]]:
    """Maps with a place in the image, and a sentence about each of the others."""
    dims = scene.image.spatial_dims
    drawn = [a for a in attributions if a.values is None or a.values.ndim == dims + 1]
    if not drawn:
        raise InputError(f"none of the {len(attributions)} maps lies on the grid of image {scene.image.name!r}")
    others = [a for a in attributions if not any(a is one for one in drawn)]
    return drawn, [f"{a.layer or a.label}: no place in the image, not drawn" for a in others]


def _scales(scene: Scene, maps: Sequence[Brightness], shared: bool) -> list[Scale]:
    style = scene.style
    limits = [robust_limit(shown.values, style.percentile) for shown in maps]
    signed = any(shown.signed for shown in maps)
    if shared:
        return [Scale(-max(limits) if signed else 0.0, max(limits), signed, style)] * len(maps)
    pairs = zip(maps, limits, strict=True)
    return [Scale(-limit if shown.signed else 0.0, limit, shown.signed, style) for shown, limit in pairs]


def _footer(attribution: Attribution, shown: Brightness) -> str:
    if attribution.values is None:
        return f"no map: {attribution.status}"
    strongest = float(np.abs(shown.values).max())
    state = "" if attribution.status == "ok" else f", {attribution.status}"
    return ("zero everywhere" if shown.is_zero else f"max {'|·| ' if shown.signed else ''}{number(strongest)}") + state


def _plane(scene: Scene, name: str) -> Plane:
    """The plane asked for; the last axis's where the image has no place in space; a 2D image has one."""
    planes = scene.frame.planes
    return next(
        (plane for plane in planes if plane.name == name), planes[0] if scene.frame.affine is not None else planes[-1]
    )


def _index(entries: Sequence[Entry], plane: Plane) -> int:
    """The slice through the centre of mass of all maps, each weighing the same."""
    centres = [entry.shown.centre[plane.normal] for entry in entries if not entry.shown.is_zero]
    fallback = entries[0].shown.centre[plane.normal]
    return round(float(np.mean(centres))) if centres else fallback


def _draw(
    scene: Scene,
    entries: Sequence[Entry],
    plane: Plane,
    title: str,
    notes: Sequence[str],
    alerts: Sequence[str],
    bar: tuple[Scale, str] | None,
) -> Figure:
    style, index = scene.style, _index(entries, plane)
    if scene.image.spatial_dims == 3:
        notes = [f"{plane.name} slice, {scene.frame.position(plane, index)}", *notes]
    cell, count = _cell(scene, plane, len(entries), ROOM if bar else 0.0)
    width = max(style.width, 2 * MARGIN + count * cell.width + (count - 1) * GAP + (ROOM if bar else 0))
    heading = compose(title, notes, alerts, style, width)
    titles = [wrap(entry.title.replace(".", ". "), cell.width, style.text_size, 2) for entry in entries]
    above, below = line_height(style.text_size) * max(map(len, titles)), line_height(style.text_size)
    row, rows = above + cell.height + below + 0.08, -(-len(entries) // count)
    legend = _legend(entries)
    page = Page(width, heading.height + rows * row + (0.2 if legend else 0) + 0.04, style)
    heading.draw(page)
    for n, (entry, lines) in enumerate(zip(entries, titles, strict=True)):
        left = MARGIN + (n % count) * (cell.width + GAP)
        box = Box(left, heading.height + (n // count) * row + above, cell.width, cell.height)
        page.text(box.left, box.top - 0.03, "\n".join(lines).replace(". ", "."), va="bottom", linespacing=1.1)
        page.text(box.left, box.top + box.height + 0.02, entry.footer, color=style.muted)
        _entry(page, scene, entry, plane, index, box, first=n == 0)
    _finish(page, heading, cell, above, legend, bar)
    return page.figure


def _cell(scene: Scene, plane: Plane, entries: int, bar: float) -> tuple[Box, int]:
    """Size of a panel and panels in a row; a row of up to six grows beyond the page's usual width."""
    frame, style = scene.frame, scene.style
    count = min(entries, MOST_COLUMNS)
    room = (style.width - 2 * MARGIN - bar - (count - 1) * GAP) / count
    width = float(np.clip(room, SMALLEST, LARGEST))
    tall = frame.shape[plane.rows] * frame.spacing[plane.rows]
    wide = frame.shape[plane.columns] * frame.spacing[plane.columns]
    return Box(0, 0, width, float(min(width * tall / wide, 1.6 * style.row_height))), count


def _entry(page: Page, scene: Scene, entry: Entry, plane: Plane, index: int, box: Box, *, first: bool) -> None:
    picture = entry.scale.blend(scene.cut(plane, index), plane.cut(entry.shown.values, index))
    axes = draw_picture(page, box, picture)
    draw_outlines(axes, [(region, plane.cut(region.mask, index)) for region in entry.regions], page.style.line_width)
    if first:
        draw_marks(axes, plane, box, page.style.text_size)
        draw_scale_bar(axes, scene.frame, plane, box, page.style.text_size)


def _legend(entries: Sequence[Entry]) -> list[Region]:
    """The outlines' names: those of the one class, or without the class where panels differ."""
    first = entries[0].regions
    if all(entry.regions is first for entry in entries):
        return list(first)
    anywhere = [[entry.regions[n].mask.any() for entry in entries] for n in range(len(first))]
    return [
        Region(f"{region.name.split(':')[0]} region of each target", np.array(any(found)), region.colour, region.dashed)
        for region, found in zip(first, anywhere, strict=True)
    ]


def _finish(
    page: Page, heading: Heading, cell: Box, above: float, legend: Sequence[Region], bar: tuple[Scale, str] | None
) -> None:
    if bar and bar[0].high > 0:
        left = page.width - MARGIN - ROOM + 0.28
        draw_bar(page, left, heading.height + above, max(cell.height, 10 * BAR_WIDTH * 0.7), *bar)
    draw_legend(page, MARGIN, page.height - 0.22, legend)
