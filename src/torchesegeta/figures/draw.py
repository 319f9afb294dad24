"""The drawing functions: an attribution or several, and an image, become a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from matplotlib.figure import Figure

from torchesegeta.errors import InputError
from torchesegeta.figures.brightness import brightness
from torchesegeta.figures.features import draw_features
from torchesegeta.figures.flat import draw_flat
from torchesegeta.figures.gallery import draw_layer_strip, draw_target_panel
from torchesegeta.figures.heading import compose, words_of
from torchesegeta.figures.pictures import draw_one, draw_sheet, draw_strip
from torchesegeta.figures.scale import Limits
from torchesegeta.figures.scene import Scene, SceneOptions
from torchesegeta.figures.volume import draw_volume
from torchesegeta.types import Attribution, Image


def draw(
    attribution: Attribution,
    image: Image | Scene,
    *,
    limits: Limits = None,
    title: str | None = None,
    **options: Unpack[SceneOptions],
) -> Figure:
    """Draw one map over its image.

    A volume is shown in three orthogonal slices through the map's centre of mass and in three maximum-intensity
    projections; a 2D image as image, overlay and map; a layer without spatial axes as a bar chart. Slices and
    projections have a colour bar each, since a projection collects the largest values of a volume. What shows a picture
    of its own is drawn as one, in grey or in colour, beside the image where it has its place.

    Args:
        attribution: The map, (C, *spatial), on the image's grid or a layer's. Channels are summed for signed maps and
            for layers; of other maps the largest magnitude is drawn. A picture may have any size.
        image: The image explained, or a `Scene` of it, which saves preparing it for every map.
        limits: Values of the first and last colour; None takes the 99.5th percentile of the magnitudes that are not
            0, on both sides of 0 for signed maps; those that lie far to one side of 0 are drawn from their median. For
            a picture: its black and white.
        title: The method's title for people; None makes one of its name.
        **options: Those of `Scene` for an image; a scene has its own.

    Returns:
        A `matplotlib.figure.Figure`, 6 inches wide.

    Raises:
        InputError: The map, the prediction or the label does not fit the image, or the limits are not in order.
    """
    scene = _scene(image, options)
    _check_limits(limits)
    if attribution.shows == "picture":
        return draw_one(scene, attribution, window=limits, title=title)
    target = scene.target_name(attribution)
    values = attribution.values
    if values is not None and attribution.space == "layer" and values.ndim != scene.image.spatial_dims + 1:
        notes = [f"shape {' × '.join(map(str, values.shape))}, no place in the image"]
        heading = compose(words_of(attribution, target, title=title, notes=notes), scene.style, scene.style.width)
        array = values.detach().cpu().float().numpy()
        return draw_features(array, heading, attribution.quantity, attribution.signed, scene.style)
    shown = brightness(attribution, scene.image, scene.frame)
    shown = shown if limits is not None else shown.off_level()
    notes = [*shown.notes, *_tilt(scene)]
    words = words_of(attribution, target, title=title, notes=notes, alerts=shown.alerts)
    heading = compose(words, scene.style, scene.style.width)
    painter = draw_volume if scene.image.spatial_dims == 3 else draw_flat
    return painter(scene, shown, heading, shown.named(attribution.quantity), attribution.target_index, limits)


def layer_strip(
    attributions: Sequence[Attribution],
    image: Image | Scene,
    *,
    plane: str = "axial",
    shared: bool = False,
    title: str | None = None,
    **options: Unpack[SceneOptions],
) -> Figure:
    """Draw one method and target over several layers: the same slice in every panel, six panels to a row.

    Args:
        attributions: Maps that differ by layer, in the order to be drawn.
        image: The image explained, or a `Scene` of it (see `draw`).
        plane: "axial", "coronal" or "sagittal" for volumes with a place in space.
        shared: One colour scale for all layers; otherwise each has its own limits, with its maximum printed below.
        title: The method's title for people.
        **options: As in `draw`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        InputError: No map lies on the image's grid, or the plane does not exist.
    """
    scene = _scene(image, options)
    _check_plane(plane)
    return draw_layer_strip(scene, attributions, plane=plane, shared=shared, title=title)


def target_panel(
    attributions: Sequence[Attribution],
    image: Image | Scene,
    *,
    plane: str = "axial",
    title: str | None = None,
    **options: Unpack[SceneOptions],
) -> Figure:
    """Draw one method for several targets side by side on one colour scale; arguments as for `layer_strip`.

    Args:
        attributions: Maps that differ by target, in the order to be drawn.
        image: The image explained, or a `Scene` of it (see `draw`).
        plane: "axial", "coronal" or "sagittal" for volumes with a place in space.
        title: The method's title for people.
        **options: As in `draw`; each panel outlines the predicted region of its own class.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        InputError: No map lies on the image's grid, or the plane does not exist.
    """
    scene = _scene(image, options)
    _check_plane(plane)
    return draw_target_panel(scene, attributions, plane=plane, title=title)


def sheet(
    attributions: Sequence[Attribution],
    image: Image | Scene,
    *,
    title: str | None = None,
    **options: Unpack[SceneOptions],
) -> Figure:
    """Draw all pictures of one method and layer side by side, with what each reached below it.

    Of a volume three slices and a maximum-intensity projection are shown. Each picture has a window of its own.

    Args:
        attributions: Pictures that differ by target: channels, classes. Those that are missing say why.
        image: The image of the run, or a `Scene` of it: how its axes lie and how large its voxels are.
        title: The method's title for people; None makes one of its name.
        **options: As in `draw`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        InputError: There are none, or one of them is a map or has no spatial axes.
    """
    _check_pictures(attributions)
    return draw_sheet(_scene(image, options), attributions, title=title)


def picture_strip(
    attributions: Sequence[Attribution],
    image: Image | Scene,
    *,
    title: str | None = None,
    **options: Unpack[SceneOptions],
) -> Figure:
    """Draw the image, then what a method made of it: layer by layer, or a dream octave by octave.

    Args:
        attributions: Pictures with their place in the image, that differ by layer, or a single one. What belongs to
            them under the names "octave 1", "octave 2", … is drawn before them.
        image: The image they were made from, or a `Scene` of it.
        title: The method's title for people; None makes one of its name.
        **options: As in `draw`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        InputError: There are none, one of them is a map, or none has its place in the image.
    """
    _check_pictures(attributions)
    return draw_strip(_scene(image, options), attributions, title=title)


def _scene(image: Image | Scene, options: SceneOptions) -> Scene:
    if isinstance(image, Scene):
        if options:
            raise TypeError(f"{', '.join(options)}: a scene has its own; give an image, or leave them out")
        return image
    return Scene(image, **options)


def _check_limits(limits: Limits) -> None:
    if limits is not None and not limits[0] < limits[1]:
        raise InputError(f"limits {limits!r}: the first must be below the second")


def _check_pictures(attributions: Sequence[Attribution]) -> None:
    if not attributions:
        raise InputError("there are no pictures to draw")
    for one in attributions:
        if one.shows != "picture":
            raise InputError(f"{one.label!r} is a map of the image, no picture of its own; use `draw`")


def _check_plane(plane: str) -> None:
    if plane not in ("axial", "coronal", "sagittal"):
        raise InputError(f"plane {plane!r} does not exist; allowed: axial, coronal, sagittal")


def _tilt(scene: Scene) -> list[str]:
    tilt = scene.frame.tilt
    return [f"oblique by {tilt:.0f}°, shown along the nearest anatomical axes"] if tilt >= 1 else []
