"""Maps side by side in the same slice: one method over layers, or one method over targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from torchesegeta.errors import InputError
from torchesegeta.figures.brightness import Brightness, brightness
from torchesegeta.figures.colour_bar import ROOM, draw_bar, draw_legend
from torchesegeta.figures.frame import Plane
from torchesegeta.figures.heading import Words, compose, human, parameter_words
from torchesegeta.figures.numbers import number
from torchesegeta.figures.page import MARGIN, Box, Page, line_height, wrap
from torchesegeta.figures.panel import draw_marks, draw_outlines, draw_picture, draw_scale_bar
from torchesegeta.figures.scale import Scale, robust_limit
from torchesegeta.figures.scene import Region, Scene
from torchesegeta.figures.style import Style
from torchesegeta.figures.volume import GAP, LEGEND
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
    drawn, maps, left_out = _drawable(scene, attributions)
    first = drawn[0]
    target = scene.target_name(first)
    regions = scene.regions(first.target_index) if target is not None else ()
    scales = _scales(scene, maps, shared=shared)
    entries = [
        Entry(a.layer or "input", m, _footer(a, m), regions, s) for a, m, s in zip(drawn, maps, scales, strict=True)
    ]
    name = f"{title or human(first.method)}{f' for {target}' if target else ''}, layer by layer"
    notes = [*parameter_words(first.parameters), "one colour scale" if shared else "each layer on its own colour scale"]
    share = Scale(-1.0 if scales[0].signed else 0.0, 1.0, scales[0].signed, scene.style)
    bar = (scales[0], maps[0].named(first.quantity)) if shared else (share, "share of the layer's limit")
    return _draw(scene, entries, _plane(scene, plane), Words(name, notes, left_out), bar)


def draw_target_panel(scene: Scene, attributions: Sequence[Attribution], *, plane: str, title: str | None) -> Figure:
    """Draw one method for several targets on one scale; see `target_panel`."""
    drawn, maps, left_out = _drawable(scene, attributions)
    first, scales = drawn[0], _scales(scene, maps, shared=True)
    entries = [
        Entry(scene.target_name(a) or "no target", m, _footer(a, m), scene.regions(a.target_index), s)
        for a, m, s in zip(drawn, maps, scales, strict=True)
    ]
    layer = f" at layer {first.layer}" if first.layer else ""
    notes = [*parameter_words(first.parameters), "one colour scale"]
    words = Words(f"{title or human(first.method)}{layer}, target by target", notes, left_out)
    return _draw(scene, entries, _plane(scene, plane), words, (scales[0], maps[0].named(first.quantity)))


def _drawable(
    scene: Scene, attributions: Sequence[Attribution]
) -> tuple[list[Attribution], list[Brightness], list[str]]:
    """Maps with a place in the image, what is drawn of them, and a sentence about each of the others."""
    dims = scene.image.spatial_dims
    drawn = [a for a in attributions if a.values is None or a.values.ndim == dims + 1]
    if not drawn:
        raise InputError(f"none of the {len(attributions)} maps lies on the grid of image {scene.image.name!r}")
    others = [a for a in attributions if a.values is not None and a.values.ndim != dims + 1]
    left_out = [f"{a.layer or a.label}: no place in the image, not drawn" for a in others]
    maps = [brightness(a, scene.image, scene.frame) for a in drawn]
    apart = [shown.off_level() for shown in maps]
    return drawn, apart if all(shown.level for shown in apart) else maps, left_out


def _scales(scene: Scene, maps: Sequence[Brightness], *, shared: bool) -> list[Scale]:
    """One scale per map; all signed where one is, so that a colour means the same in every panel."""
    style = scene.style
    limits = [robust_limit(shown.values, style.percentile) for shown in maps]
    signed = any(shown.signed for shown in maps)
    ends = [max(limits)] * len(limits) if shared else limits
    return [Scale(-end if signed else 0.0, end, signed, style) for end in ends]


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


def _draw(scene: Scene, entries: Sequence[Entry], plane: Plane, words: Words, bar: tuple[Scale, str]) -> Figure:
    style, index, legend = scene.style, _index(entries, plane), _legend(entries)
    cell, count = _cell(scene, plane, len(entries))
    width = max(style.width, 2 * MARGIN + count * cell.width + (count - 1) * GAP + ROOM)
    slice_words = [f"{plane.name} slice, {scene.frame.position(plane, index)}"] if scene.image.spatial_dims == 3 else []
    heading = compose(Words(words.title, [*slice_words, *words.notes], words.alerts), style, width)
    line = line_height(style.text_size)
    titles = [_broken(entry.title, cell.width, style) for entry in entries]
    rows = [range(start, min(start + count, len(entries))) for start in range(0, len(entries), count)]
    above = [line * max(titles[n].count("\n") + 1 for n in row) for row in rows]
    heights = [one + cell.height + line + 0.08 for one in above]
    page = Page(width, heading.height + sum(heights) + (LEGEND if legend else 0) + 0.04, style)
    heading.draw(page)
    for number_of_row, row in enumerate(rows):
        top = heading.height + sum(heights[:number_of_row]) + above[number_of_row]
        for n in row:
            box = Box(MARGIN + (n - row[0]) * (cell.width + GAP), top, cell.width, cell.height)
            page.text(box.left, top - 0.05, titles[n], va="baseline", linespacing=1.1)
            page.text(box.left, top + box.height + 0.02, entries[n].footer, color=style.muted)
            _entry(page, scene, entries[n], plane, index, box, first=n == 0)
    if bar[0].high > 0 and any(not entry.shown.is_zero for entry in entries):
        draw_bar(page, Box(0, heading.height + above[0], 0, cell.height), *bar)
    draw_legend(page, legend)
    return page.figure


def _broken(title: str, width: float, style: Style) -> str:
    """A layer's name in at most two lines, broken after dots."""
    return "\n".join(wrap(title.replace(".", ". "), width, style.text_size, 2)).replace(". ", ".")


def _cell(scene: Scene, plane: Plane, entries: int) -> tuple[Box, int]:
    """Size of a panel, and panels in a row; rows are as even as can be."""
    frame, style = scene.frame, scene.style
    count = -(-entries // -(-entries // MOST_COLUMNS))
    room = (style.width - 2 * MARGIN - ROOM - (count - 1) * GAP) / count
    tall = frame.shape[plane.rows] * frame.spacing[plane.rows]
    wide = frame.shape[plane.columns] * frame.spacing[plane.columns]
    width = float(np.clip(room, SMALLEST, min(LARGEST, max(SMALLEST, 1.4 * style.row_height * wide / tall))))
    return Box(0, 0, width, width * tall / wide), count


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
