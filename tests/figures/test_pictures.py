from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from torchesegeta import figures
from torchesegeta.errors import InputError
from torchesegeta.figures.pictures import octaves
from torchesegeta.figures.prints import print_of
from torchesegeta.types import Affine, Attribution, Image

from .support import Array, attribution, image, noise, pictures, pixels, words

LEFT_FIRST = np.diag([-1.0, -1.0, 2.0, 1.0])
DEAD = "channel 2 is dead"


def picture(values: Array | None, **changes: Any) -> Attribution:
    """A picture of a layer's channel, made for the model."""
    chosen: dict[str, Any] = {
        "method": "feature_visualization",
        "label": "feature_visualization",
        "target": "channel 1",
        "layer": "encoder.1",
        "shows": "picture",
        "of_model": True,
        "measures": {"objective_before": 0.125, "objective_reached": 5.5},
    }
    return attribution(values, **{**chosen, **changes})


def dream(values: Array | None, **changes: Any) -> Attribution:
    """A picture made of the image."""
    return picture(values, **{"method": "deep_dream", "label": "deep_dream", "of_model": False, **changes})


def channels(count: int, *shape: int) -> list[Attribution]:
    return [picture(noise(*shape), target=f"channel {n}", target_index=n) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("spatial", [(9, 13), (8, 9, 10)], ids=["2D", "3D"])
@pytest.mark.parametrize("size", ["image's", "own"])
@pytest.mark.parametrize("made", [picture, dream])
def test_every_kind_is_drawn(count: int, spatial: tuple[int, ...], size: str, made: Any) -> None:
    shape = spatial if size == "image's" else tuple(n // 2 + 1 for n in spatial)
    ground = image(spatial, channels=count)
    figure = figures.draw(made(noise(count, *shape)), ground)
    assert pixels(figure).std() > 5 and "at layer encoder.1" in words(figure)
    assert pixels(figures.sheet([made(noise(count, *shape))] * 3, ground)).std() > 5


def test_a_volume_has_three_slices_and_three_projections() -> None:
    figure = figures.draw(picture(noise(1, 6, 6, 6)), image(affine=LEFT_FIRST))
    shown = words(figure)
    assert len(pictures(figure)) == 6
    for plane in ("axial", "coronal", "sagittal"):
        assert plane in shown and f"{plane} projection" in shown
    assert "not a map of this image" in shown and "objective 0.12 → 5.5" in shown


def test_a_picture_lies_beside_its_image_only_where_it_has_its_place() -> None:
    ground = image(affine=LEFT_FIRST)
    own, placed = figures.draw(picture(noise(1, 8, 9, 10)), ground), figures.draw(dream(noise(1, 8, 9, 10)), ground)
    assert len(pictures(own)) == 6 and len(pictures(placed)) == 9
    own_marks, marks = ({text.get_text() for axes in one.axes for text in axes.texts} for one in (own, placed))
    assert not own_marks.intersection("RL"), "nobody's left and right"
    assert marks.issuperset("RL")
    assert "not a map of this image" not in words(placed)


@pytest.mark.parametrize("affine", [None, LEFT_FIRST])
def test_a_mosaic_of_the_image_covers_it(affine: Affine | None) -> None:
    mosaic = dream(noise(1, 12, 12, 12), covers=True)
    figure = figures.draw(mosaic, image(affine=affine))
    shapes = [axes.get_position().bounds[2:] for axes in figure.axes]
    assert len(pictures(figure)) == 9
    np.testing.assert_allclose(shapes[0], shapes[3], rtol=0.01)


def test_pictures_of_a_colour_image_are_in_colour_and_others_in_grey() -> None:
    values = noise(3, 9, 13)
    (colour,) = pictures(figures.draw(picture(values), image((9, 13), channels=3)))
    grey = pictures(figures.draw(picture(values), image((9, 13), np.eye(4), channels=3)))
    assert colour.shape == (9, 13, 3)
    assert len(grey) == 3 and all(panel.ndim == 2 for panel in grey), "three contrasts are no colours"


def test_a_window_is_robust_and_can_be_given() -> None:
    values = noise(1, 30, 30)
    values[0, 0, 0] = 1e6
    ground = image((30, 30))
    (robust,), (given,) = (pictures(figures.draw(picture(values), ground, limits=w)) for w in (None, (0.0, 1.0)))
    assert 0.2 < robust.std() < 0.4
    np.testing.assert_allclose(given, np.clip(values[0], 0, 1), rtol=1e-6)


def test_a_picture_of_the_image_has_the_images_window_where_its_range_is_alike() -> None:
    scene = figures.Scene(image((30, 30)))
    low = 0.5 * scene.image.data.numpy()
    ((_, white),) = print_of(dream(low), scene).windows
    assert white == pytest.approx(0.99, abs=0.02), "darker than the image, and drawn so"
    ((_, white),) = print_of(dream(100 * low), scene).windows
    assert white == pytest.approx(49.5, abs=1)


def test_voxels_have_the_images_shape_and_turn() -> None:
    values = np.zeros((1, 4, 4, 4), np.float32)
    values[0, 0, 1, 3] = 1
    print_ = print_of(picture(values), figures.Scene(image(affine=LEFT_FIRST)))
    assert list(print_.frame.spacing) == [1, 1, 2] and list(print_.frame.shape) == [4, 4, 4]
    assert np.argwhere(print_.channels[0] == 1).tolist() == [[3, 2, 3]], "turned as the image is"
    assert print_.centre == (3.5 / 4, 2.5 / 4, 3.5 / 4)


@pytest.mark.parametrize("affine", [None, LEFT_FIRST])
def test_slices_go_through_what_departs_from_the_median(affine: Affine | None) -> None:
    values = np.full((1, 8, 9, 10), 7.0, np.float32)
    values[0, 2, 6, 1] = 9
    shown = pictures(figures.draw(picture(values), image(affine=affine)))
    assert all(panel.max() == 1 for panel in shown[:3])


def test_a_sheet_names_each_picture_and_what_it_reached() -> None:
    figure = figures.sheet(channels(9, 1, 6, 6), image((9, 13)), class_names=("background", "vessel"))
    shown = words(figure)
    assert all(f"channel {n}" in shown for n in range(9)) and shown.count("0.12 → 5.5") == 9
    assert "vessel" not in shown, "a channel's number is no class"
    assert len(pictures(figure)) == 9


def test_a_class_on_a_sheet_has_its_name() -> None:
    one = picture(noise(1, 6, 6), target="1", target_index=1, layer=None)
    assert "vessel" in words(figures.sheet([one], image((9, 13)), class_names=("background", "vessel")))


def test_a_sheet_of_volumes_has_three_slices_and_a_projection_each() -> None:
    figure = figures.sheet(channels(5, 1, 6, 6, 6), image(affine=LEFT_FIRST))
    assert len(pictures(figure)) == 20
    assert "coronal, sagittal and axial slice, and axial projection" in words(figure)


def test_a_missing_picture_says_why() -> None:
    late = {"status": "partial", "reason": "the deadline came"}
    wanted = [*channels(2, 1, 6, 6), picture(None, target="channel 2", status="failed", reason=DEAD)]
    figure = figures.sheet([*wanted, picture(noise(1, 6, 6), target="channel 3", **late)], image((9, 13)))
    shown = words(figure)
    assert len(pictures(figure)) == 3 and f"failed: {DEAD}" in shown
    assert "⚠ channel 3: partial: the deadline came" in shown
    assert DEAD in words(figures.draw(wanted[2], image((9, 13))))
    assert DEAD in words(figures.sheet([wanted[2]], image((9, 13))))


@pytest.mark.parametrize("count", [1, 7, 64])
def test_sheets_grow_in_rows_and_stay_readable(count: int) -> None:
    figure = figures.sheet(channels(count, 1, 8, 8), image((9, 13)))
    assert figure.get_figwidth() < 9.7
    assert all(axes.get_window_extent().width > 80 for axes in figure.axes)
    rights = [axes.get_position().x1 for axes in figure.axes]
    assert max(rights) < 1


def test_a_strip_goes_from_the_image_through_the_layers() -> None:
    maps = [dream(noise(1, 8, 9, 10), layer=f"encoder.{n}", target=None) for n in range(3)]
    maps[1] = dream(None, layer="encoder.1", target=None, status="timeout", reason="too slow")
    figure = figures.picture_strip(maps, image(affine=LEFT_FIRST))
    shown = words(figure)
    assert "layer by layer" in shown and "timeout: too slow" in shown
    assert shown.index("image") < shown.index("encoder.0") < shown.index("encoder.2")
    assert len(pictures(figure)) == 9, "three planes of the image and of two layers"


def test_a_dream_is_shown_octave_by_octave() -> None:
    final = noise(1, 8, 8)
    arrays = {f"octave {n}": torch.as_tensor(noise(1, n, n)) for n in (2, 4)} | {"octave 10": torch.as_tensor(final)}
    figure = figures.picture_strip([dream(final, arrays={**arrays, "octave x": torch.rand(3)})], image((8, 8)))
    shown = words(figure)
    assert "octave by octave" in shown and "octave 2" in shown and "octave 4" in shown and "result" in shown
    assert "octave 10" not in shown, "the last is the result"
    sizes = {tuple(np.round(axes.get_position().bounds[2:], 3)) for axes in figure.axes}
    assert len(sizes) == 1, "each covers the image"


def test_octaves_are_in_the_order_of_their_numbers() -> None:
    arrays = {f"octave {n}": torch.rand(1, 4, 4) for n in (10, 9, 1)} | {"mask": torch.rand(1, 4, 4)}
    assert list(octaves(arrays, torch.rand(1, 8, 8))) == ["octave 1", "octave 9", "octave 10"]


def test_what_cannot_be_drawn_is_refused() -> None:
    ground = image((9, 13))
    with pytest.raises(InputError, match="there are no pictures"):
        figures.sheet([], ground)
    with pytest.raises(InputError, match="'saliency' is a map of the image, no picture of its own; use `draw`"):
        figures.sheet([attribution(noise(1, 9, 13))], ground)
    with pytest.raises(InputError, match="none of the 1 pictures has its place in image 'head'"):
        figures.picture_strip([picture(noise(1, 9, 13))], ground)
    with pytest.raises(InputError, match=r"a picture of shape \(7,\) cannot be drawn"):
        figures.draw(picture(noise(7)), ground)


def test_values_that_are_not_finite_are_named() -> None:
    values = noise(1, 9, 13)
    values[0, 0, 0] = np.nan
    assert "1 values are not finite; drawn as 0" in words(figures.draw(picture(values), image((9, 13))))


def test_a_sheet_of_64_volumes_is_drawn_in_seconds() -> None:
    started = time.perf_counter()
    pixels(figures.sheet(channels(64, 1, 32, 32, 32), Image(torch.rand(1, 32, 32, 32), None, "head")))
    assert time.perf_counter() - started < 20
