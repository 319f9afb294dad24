from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import rgb2lab

from torchesegeta.figures.panel import nice_length
from torchesegeta.figures.scale import Scale, robust_limit, scale_for
from torchesegeta.figures.style import COLD, DARK, PAPER, WARM

from .support import noise


@pytest.mark.parametrize("high", [2.0, 0.0])
@pytest.mark.parametrize("signed", [True, False])
def test_where_the_map_is_zero_the_image_is_untouched(signed: bool, high: float) -> None:
    """Also where all of it is zero, so that its own scale has no width."""
    ground = np.linspace(0, 1, 20).reshape(4, 5)
    blended = Scale(-high if signed else 0.0, high, signed).blend(ground, np.zeros((4, 5)))
    assert np.abs(blended - 255 * ground[..., None]).max() <= 1.5


def test_opacity_rises_with_magnitude() -> None:
    white = np.ones((1, 50))
    for values, signed in ((np.linspace(0, 1, 50), False), (np.linspace(0, -1, 50), True)):
        blended = Scale(-1.0 if signed else 0.0, 1.0, signed).blend(white, values[None])
        half = blended[0, :25].astype(int).sum(axis=1)
        assert (np.diff(half) <= 0).all() and half[0] > half[-1] + 200


def test_colours_are_evenly_light_to_both_sides() -> None:
    lightness = [rgb2lab(np.array(to_rgb(colour))[None, None])[0, 0, 0] for colour in (*COLD, DARK, *WARM)]
    assert lightness == pytest.approx([90, 74, 58, 42, 26, 10, 26, 42, 58, 74, 90], abs=0.5)


def test_limits_are_robust_and_centred_on_zero() -> None:
    values = noise(30, 30, 30)
    values[0, 0, 0] = 1e6
    scale = scale_for(values, signed=True)
    assert scale.low == -scale.high and scale.high == pytest.approx(2.81, abs=0.1)
    assert scale_for(np.abs(values), signed=False).low == 0.0
    assert scale_for(values, True, (-1.0, 1.0)) == Scale(-1.0, 1.0, True, PAPER)


def test_a_map_that_is_nearly_all_zero_is_scaled_by_the_rest() -> None:
    values = np.zeros((50, 50, 50), np.float32)
    values[0, 0, :20] = 3.0
    assert robust_limit(values, 99.5) == 3.0
    assert robust_limit(np.zeros(5), 99.5) == 0.0


@pytest.mark.parametrize(("longest", "nice"), [(25.0, 20.0), (5.0, 5.0), (1.0, 1.0), (0.7, 0.5), (199.0, 100.0)])
def test_scale_bars_have_round_lengths(longest: float, nice: float) -> None:
    assert nice_length(longest) == pytest.approx(nice)
