from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from torchesegeta.errors import InputError
from torchesegeta.figures.brightness import Brightness, brightness, resize
from torchesegeta.figures.frame import frame_of
from torchesegeta.types import Attribution, layer_affine

from .support import Array, attribution, image, noise


def shown(map_: Attribution, shape: tuple[int, ...] = (8, 9, 10)) -> Brightness:
    return brightness(map_, image(shape), frame_of(shape, None))


def test_signed_channels_are_summed_and_others_give_their_largest_magnitude() -> None:
    values = noise(2, 8, 9, 10)
    signed = shown(attribution(values, signed=True))
    assert np.allclose(signed.values, values.sum(axis=0)) and signed.notes == ("sum over 2 channels",)
    magnitude = shown(attribution(values))
    assert np.allclose(magnitude.values, np.abs(values).max(axis=0)) and not magnitude.signed
    assert magnitude.notes == ("largest magnitude of 2 channels",)


def test_negative_values_are_never_hidden() -> None:
    assert shown(attribution(-np.abs(noise(1, 8, 9, 10)))).signed


@pytest.mark.parametrize(("shape", "layer"), [((8, 9, 10), (4, 3, 5)), ((12, 9), (3, 9)), ((8, 8, 8), (16, 8, 8))])
def test_resizing_is_linear_interpolation_on_cell_centres(shape: tuple[int, ...], layer: tuple[int, ...]) -> None:
    values = noise(*layer)
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    expected = interpolate(torch.from_numpy(values)[None, None], size=shape, mode=mode, align_corners=False)[0, 0]
    affine = np.diag([2.0, 0.5, 3.0, 1.0])
    even = layer_affine(affine, shape, layer)
    assert np.allclose(resize(values, shape, None, None), expected, atol=1e-5)
    assert np.allclose(resize(values, shape, even, affine), expected, atol=1e-5)


def test_a_cropped_layer_grid_is_put_in_its_place() -> None:
    values, affine = np.zeros((4, 4, 4), np.float32), np.eye(4)
    values[0, 0, 0] = 1.0
    affine[:3, 3] = 3
    placed = resize(values, (8, 8, 8), affine, np.eye(4))
    assert placed[3, 3, 3] == 1.0 and placed[5, 5, 5] == 0.0


def test_grids_that_are_not_parallel_are_refused() -> None:
    turned = np.eye(4)
    turned[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    with pytest.raises(InputError, match="not parallel"):
        resize(np.ones((4, 4, 4), np.float32), (4, 4, 4), turned, np.eye(4))


def test_what_is_special_is_said() -> None:
    assert shown(attribution(np.zeros((1, 8, 9, 10)))).alerts == ("the map is zero everywhere",)
    assert shown(attribution(np.full((1, 8, 9, 10), 0.25))).alerts == ("the map is 0.25 everywhere",)
    broken = noise(1, 8, 9, 10)
    broken[0, 0, 0, :2] = np.nan, np.inf
    found = shown(attribution(broken, signed=True))
    assert found.alerts == ("2 values are not finite; drawn as 0",) and np.isfinite(found.values).all()


def test_a_projection_keeps_the_sign_of_the_strongest_value() -> None:
    values = np.zeros((1, 4, 4, 4), np.float32)
    values[0, 1, 2, :2] = -3.0, 2.0
    values[0, 3, 3, 3] = 1.0
    frame = frame_of((4, 4, 4), None)
    found = brightness(attribution(values, signed=True), image((4, 4, 4)), frame).project(frame.planes[2])
    assert found[1, 2] == -3.0 and found[3, 3] == 1.0 and found[0, 0] == 0.0


def test_the_centre_is_that_of_the_magnitudes() -> None:
    values = np.zeros((1, 8, 9, 10), np.float32)
    values[0, 1, 2, 3], values[0, 5, 2, 7] = -1.0, 1.0
    assert shown(attribution(values, signed=True)).centre == (3, 2, 5)
    assert shown(attribution(np.zeros((1, 8, 9, 10)))).centre == (4, 4, 5)


@pytest.mark.parametrize("values", [noise(8, 9, 10), noise(1, 8, 9, 11)])
def test_values_that_do_not_fit_are_refused_by_name(values: Array) -> None:
    with pytest.raises(InputError, match=r"map 'saliency' has .*shape \("):
        shown(attribution(values))


def test_a_signed_map_far_from_0_is_drawn_from_its_median() -> None:
    values = noise(1, 8, 9, 10)
    far = shown(attribution(values - 100, signed=True)).off_level()
    assert far.level == pytest.approx(-100, abs=1) and abs(float(np.median(far.values))) < 1e-3
    assert np.allclose(far.values - far.values.min(), (values - values.min())[0], atol=1e-4)
    assert far.notes == ("median −100",) and far.named("score") == "score, from median"


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_other_maps_keep_their_zero(offset: float) -> None:
    values = noise(1, 8, 9, 10) + offset
    for map_ in (
        attribution(values, signed=True),
        attribution(np.abs(values) + 100),
        attribution(0 * values + 7, signed=True),
    ):
        kept = shown(map_).off_level()
        assert kept.level == 0 and kept.named("score") == "score" and np.array_equal(kept.values, shown(map_).values)
