"""Pictures that methods make: one of them, all of a layer on a sheet, or one image layer by layer and step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from torchesegeta.errors import InputError
from torchesegeta.figures.contact import Entry, draw_contact
from torchesegeta.figures.heading import Words, human, parameter_words, status_alerts, words_of
from torchesegeta.figures.measures import told
from torchesegeta.figures.numbers import number
from torchesegeta.figures.prints import MOST_CHANNELS, Print, is_placed, print_of, print_of_image, print_of_values
from torchesegeta.figures.scale import Limits
from torchesegeta.figures.scene import Scene
from torchesegeta.figures.tiles import column, compact, flat, full, slices
from torchesegeta.types import Attribution

STEP = "octave "
"""What the names of pictures on the way to another begin with, among what belongs to it; a number follows."""

OWN = "a picture of what the network has learnt, not a map of this image"
MOST_IN_STRIP = 6
STRIP_HEIGHT = 1.6
SHEET_HEIGHT = 1.6
"""Inches a view is high at most."""


def draw_one(scene: Scene, attribution: Attribution, *, window: Limits, title: str | None) -> Figure:
    """Draw one picture, beside the image where it has its place; see `draw`."""
    notes = _nature(attribution, scene)
    if attribution.values is None:
        entries = [Entry("", None, missing=_missing(attribution))]
    else:
        picture = print_of(attribution, scene, window)
        entries, notes = _beside(scene, picture), [*notes, *picture.notes]
    words = words_of(attribution, scene.target_name(attribution), title=title, notes=notes)
    most = 1 if len(scene.frame.planes) > 1 else None
    return draw_contact(entries, words, scene.style, tallest=scene.style.row_height, most=most)


def _beside(scene: Scene, picture: Print) -> list[Entry]:
    is_volume = len(picture.frame.planes) > 1
    own = Entry("picture" if picture.placed else "", full(picture) if is_volume else flat(picture))
    if not picture.placed:
        return [own]
    image = print_of_image(scene)
    return [Entry("image", slices(image, picture.centre) if is_volume else flat(image)), own]


def draw_sheet(scene: Scene, attributions: Sequence[Attribution], *, title: str | None) -> Figure:
    """Draw all pictures of a method and layer; see `sheet`."""
    entries = [_on_sheet(scene, one) for one in attributions]
    first, drawn = attributions[0], [one for one in attributions if one.values is not None]
    notes = _nature(first, scene)
    if any(_ends(one) for one in drawn):
        notes.append("below each: the objective at the start → reached")
    if any(entry.block is not None and len(entry.block.rows) > 1 for entry in entries):
        notes.append(f"each: {_views(scene)}")
    channels = max((len(one.values) for one in drawn if one.values is not None), default=1)
    if channels > 1 and not scene.is_colour:
        first_few = f"first {MOST_CHANNELS} of " if channels > MOST_CHANNELS else ""
        notes.append(f"{first_few}{channels} channels side by side")
    notes += parameter_words(first.parameters)
    words = Words(_name(attributions, scene, title), notes, _alerts(attributions))
    return draw_contact(entries, words, scene.style, tallest=SHEET_HEIGHT)


def _on_sheet(scene: Scene, attribution: Attribution) -> Entry:
    name = scene.target_name(attribution) or attribution.layer or human(attribution.method)
    if attribution.values is None:
        return Entry(name, None, missing=_missing(attribution))
    return Entry(name, compact(print_of(attribution, scene)), _below(attribution))


def draw_strip(scene: Scene, attributions: Sequence[Attribution], *, title: str | None) -> Figure:
    """Draw the image, and what a method made of it; see `picture_strip`."""
    placed = [one for one in attributions if is_placed(one, scene)]
    if not placed:
        raise InputError(f"none of the {len(attributions)} pictures has its place in image {scene.image.name!r}")
    first = placed[0]
    centre = print_of(first, scene).centre
    entries = [Entry("image", column(print_of_image(scene), centre))]
    for one in attributions:
        entries += _steps(scene, one, centre)
    layer_by_layer = len({one.layer for one in attributions}) > 1
    steps = any(len(octaves(one.arrays, one.values)) for one in attributions if one.values is not None)
    how = ", layer by layer" if layer_by_layer else ", octave by octave" if steps else ""
    notes = [first.quantity, *_planes(scene), *parameter_words(first.parameters)]
    words = Words(_name(attributions, scene, title) + how, notes, _alerts(attributions))
    return draw_contact(entries, words, scene.style, tallest=STRIP_HEIGHT, most=MOST_IN_STRIP)


def _steps(scene: Scene, attribution: Attribution, centre: Sequence[float]) -> list[Entry]:
    """The pictures on the way, and the last one."""
    if attribution.values is None:
        return [Entry(attribution.layer or "picture", None, missing=_missing(attribution))]
    steps = octaves(attribution.arrays, attribution.values)
    made = [Entry(name, column(print_of_values(array, scene, placed=True), centre)) for name, array in steps.items()]
    name = "result" if steps else attribution.layer or "result"
    return [*made, Entry(name, column(print_of(attribution, scene), centre), _below(attribution))]


def octaves(arrays: Mapping[str, Tensor], values: Tensor) -> dict[str, Tensor]:
    """What belongs to a picture and is one on the way to it, in order; the last is left out where it is the picture."""
    names = sorted((name for name in arrays if name.startswith(STEP)), key=lambda name: (len(name), name))
    alike = [name for name in names if arrays[name].ndim == values.ndim and len(arrays[name]) == len(values)]
    found = {name: arrays[name] for name in alike}
    last = list(found)[-1:]
    if last and found[last[0]].shape == values.shape and bool((found[last[0]] == values).all()):
        del found[last[0]]
    return found


def _nature(attribution: Attribution, scene: Scene) -> list[str]:
    return [] if is_placed(attribution, scene) else [OWN]


def _name(attributions: Sequence[Attribution], scene: Scene, title: str | None) -> str:
    """Method, and target and layer where all have the same."""
    first = attributions[0]
    name = title or human(first.method)
    if first.label != first.method:
        name = f"{first.label} ({name})"
    target, layer = scene.target_name(first), first.layer
    where = [f"for {target}"] if target and all(one.target == first.target for one in attributions) else []
    where += [f"at layer {layer}"] if layer and all(one.layer == layer for one in attributions) else []
    return " ".join([name, *where])


def _missing(attribution: Attribution) -> str:
    return f"{attribution.status}: {attribution.reason or 'no reason given'}"


def _alerts(attributions: Sequence[Attribution]) -> list[str]:
    """What the reader must know, each once, with the pictures it holds for; what is missing says so itself."""
    found: dict[str, list[str]] = {}
    for one in attributions:
        for text in status_alerts(one) if one.values is not None else ():
            found.setdefault(text, []).append(one.target or one.layer or one.method)
    return [text if len(attributions) == 1 else f"{_listed(names)}: {text}" for text, names in found.items()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _ends(attribution: Attribution) -> str:
    """What an optimisation began and ended with."""
    pairs = (values for values in told(attribution.measures).values() if len(values) == 2)
    return next((" → ".join(number(value) for value in values) for values in pairs), "")


def _below(attribution: Attribution) -> list[str]:
    similarity = attribution.measures.get("ssim")
    lines = [_ends(attribution), "" if similarity is None else f"SSIM {similarity:.2f}"]
    lines.append("" if attribution.status == "ok" else attribution.status)
    return [line for line in lines if line]


def _views(scene: Scene) -> str:
    first, second, third = (plane.name for plane in scene.frame.planes)
    return f"{second}, {third} and {first} slice, and {first} projection"


def _planes(scene: Scene) -> list[str]:
    """Which slices a strip of volumes shows."""
    planes = scene.frame.planes
    if len(planes) == 1:
        return []
    shown = planes if len(scene.image.data) == 1 else planes[:1]
    return ["from above: " + ", ".join(plane.name for plane in shown) if len(shown) > 1 else f"{shown[0].name} slices"]
