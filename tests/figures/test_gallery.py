from __future__ import annotations

import numpy as np
import pytest

from torchesegeta import figures
from torchesegeta.errors import InputError
from torchesegeta.types import Attribution

from .support import attribution, image, noise, pictures, pixels, words

SHAPE = (8, 9, 10)


def layers(count: int, *, dims: int = 3) -> list[Attribution]:
    return [
        attribution(0.1**n * np.abs(noise(3, *(4,) * dims)), space="layer", layer=f"encoder.{n}.conv")
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_strip_names_each_layer_and_its_maximum(count: int) -> None:
    figure = figures.layer_strip(layers(count), image())
    shown = words(figure)
    assert pixels(figure).size
    assert all(f"encoder.{n}.conv" in shown.replace(". ", ".") for n in range(count))
    assert shown.count("max ") == count and "each layer on its own colour scale" in shown


def test_layers_have_their_own_limits_unless_shared() -> None:
    own = pictures(figures.layer_strip(layers(2), image()))
    shared = pictures(figures.layer_strip(layers(2), image(), shared=True))
    assert np.abs(own[0].astype(int) - own[1]).max() <= 3, "one map is a tenth of the other"
    assert np.abs(shared[0].astype(int) - shared[1]).max() > 50


def test_a_strip_of_a_2d_image() -> None:
    shown = words(figures.layer_strip(layers(2, dims=2), image((9, 13))))
    assert "slice" not in shown and "encoder.1.conv" in shown.replace(". ", ".")


def test_layers_without_a_place_are_named_and_left_out() -> None:
    features = attribution(noise(16), space="layer", layer="fc")
    figure = figures.layer_strip([*layers(2), features], image())
    assert len(pictures(figure)) == 2 and "⚠ fc: no place in the image, not drawn" in words(figure)
    with pytest.raises(InputError, match="none of the 1 maps"):
        figures.layer_strip([features], image())


def test_targets_share_one_scale_and_have_their_own_regions() -> None:
    values = np.abs(noise(1, *SHAPE))
    prediction = np.zeros(SHAPE, int)
    prediction[2:5, 2:5, 2:8] = 1
    maps = [attribution(values, target="a", target_index=0), attribution(0.1 * values, target="b", target_index=1)]
    figure = figures.target_panel(maps, image(), prediction=prediction, plane="sagittal")
    first, second = pictures(figure)
    assert np.abs(first.astype(int) - second).max() > 50
    assert "predicted region of each target" in words(figure) and "one colour scale" in words(figure)


def test_the_same_slice_is_shown_in_the_plane_asked_for() -> None:
    scene = figures.Scene(image(SHAPE, np.eye(4)))
    maps = [attribution(np.ones((1, *SHAPE)), target=name, target_index=n) for n, name in enumerate("ab")]
    assert "coronal slice, A 4 mm" in words(figures.target_panel(maps, scene, plane="coronal"))
    with pytest.raises(InputError, match="allowed: axial, coronal, sagittal"):
        figures.target_panel(maps, scene, plane="axal")


def test_a_failed_map_keeps_its_panel() -> None:
    maps = [*layers(1), attribution(None, layer="encoder.1", status="timeout", reason="stopped")]
    figure = figures.layer_strip(maps, image())
    assert len(pictures(figure)) == 2 and "no map: timeout" in words(figure)
