"""Draws the pictures that a task made: a layer's on sheets, an image's in strips, others by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torchesegeta.execute.drawing import Drawing
from torchesegeta.figures import picture_strip, sheet
from torchesegeta.figures.pictures import octaves
from torchesegeta.figures.prints import is_placed
from torchesegeta.ledger import Record
from torchesegeta.types import Attribution

MOST_ON_A_SHEET = 64

Key: TypeAlias = tuple[str, str, str | None, str | None]
"""Of an attribution."""


def draw_pictures(drawing: Drawing, made: Sequence[tuple[Attribution, Record]]) -> None:
    """Draw a task's pictures, once all of them are there.

    A picture that no sheet and no strip over layers shows has a figure of its own, which its record notes.

    Args:
        drawing: The figures of the image.
        made: The pictures, also those that are missing, and their records.

    Raises:
        StoreError: They cannot be written.
    """
    pictures = [picture for picture, _ in made]
    shown = [*_sheets(drawing, pictures), *_layer_strips(drawing, pictures)]
    for picture, record in made:
        if picture.values is None:
            continue
        if picture.key not in shown:
            drawing.one(picture, record)
        if octaves(picture.arrays, picture.values) and is_placed(picture, drawing.scene):
            drawing.several("picture_strip", [picture], picture_strip, layer=picture.layer, target=picture.target)


def _sheets(drawing: Drawing, pictures: Sequence[Attribution]) -> list[Key]:
    """Draw those of each layer, where there are several; the keys of those that are shown."""
    shown: list[Key] = []
    for layer in dict.fromkeys(picture.layer for picture in pictures):
        mine = [picture for picture in pictures if picture.layer == layer]
        if len(mine) < 2 or not any(picture.has_map for picture in mine):
            continue
        for start in range(0, len(mine), MOST_ON_A_SHEET):
            page = mine[start : start + MOST_ON_A_SHEET]
            which = f"{page[0].target} to {page[-1].target}" if len(mine) > MOST_ON_A_SHEET else None
            drawing.several("sheet", page, sheet, layer=layer, target=which)
        shown += [picture.key for picture in mine]
    return shown


def _layer_strips(drawing: Drawing, pictures: Sequence[Attribution]) -> list[Key]:
    """Draw those of the image layer by layer, where there are several layers; the keys of those that are shown."""
    shown: list[Key] = []
    for target in dict.fromkeys(picture.target for picture in pictures):
        mine = [picture for picture in pictures if picture.target == target and not picture.of_model]
        if len(mine) > 1 and any(_like_the_image(drawing, picture) for picture in mine):
            drawing.several("picture_strip", mine, picture_strip, target=target)
            shown += [picture.key for picture in mine]
    return shown


def _like_the_image(drawing: Drawing, picture: Attribution) -> bool:
    return picture.values is not None and tuple(picture.values.shape[1:]) == drawing.scene.image.shape
