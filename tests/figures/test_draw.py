from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from torchesegeta import figures
from torchesegeta.errors import InputError
from torchesegeta.types import Attribution, Image

from .support import attribution, image, noise, pictures, pixels, words

NAMES = ("background", "vessel")
ANISOTROPIC = np.diag([0.5, 0.5, 4.0, 1.0])


def volume_cases() -> dict[str, tuple[Attribution, Image]]:
    tiny, flat = image(), image((9, 13))
    return {
        "one-signed": (attribution(np.abs(noise(1, 8, 9, 10))), tiny),
        "signed, two channels": (attribution(noise(2, 8, 9, 10), signed=True), image(channels=2)),
        "all negative": (attribution(-np.abs(noise(1, 8, 9, 10)), signed=True), tiny),
        "zero": (attribution(np.zeros((1, 8, 9, 10))), tiny),
        "constant": (attribution(np.ones((1, 8, 9, 10))), tiny),
        "anisotropic": (attribution(noise(1, 30, 30, 4)), image((30, 30, 4), ANISOTROPIC)),
        "one slice": (attribution(noise(1, 12, 12, 1)), image((12, 12, 1), np.eye(4))),
        "layer": (attribution(noise(5, 4, 4, 5), space="layer", layer="encoder.1", signed=True), tiny),
        "2D": (attribution(noise(1, 9, 13), signed=True), flat),
        "2D colour": (attribution(noise(3, 9, 13)), image((9, 13), channels=3)),
        "2D layer": (attribution(noise(3, 4, 4), space="layer", layer="features.3"), flat),
        "features": (attribution(noise(40), space="layer", layer="fc"), flat),
        "few features": (attribution(np.abs(noise(3)), space="layer", layer="fc"), tiny),
        "no features": (attribution(np.zeros(4), space="layer", layer="fc"), tiny),
        "tokens": (attribution(noise(17, 24), space="layer", layer="blocks.0"), tiny),
        "constant image": (attribution(noise(1, 8, 9, 10)), Image(torch.ones(1, 8, 9, 10))),
    }


@pytest.mark.parametrize("name", volume_cases())
def test_every_kind_is_drawn(name: str) -> None:
    map_, ground = volume_cases()[name]
    figure = figures.draw(map_, ground, class_names=NAMES)
    drawn = pixels(figure)
    assert drawn.std() > 5
    assert "Saliency for vessel" in words(figure)


def test_words_above_a_map() -> None:
    map_ = attribution(
        noise(1, 8, 9, 10),
        method="integrated_gradients",
        label="ours",
        signed=True,
        parameters={"steps": 32, "baseline": "zero", "timeout_s": 60, "sigma": None},
        measures={"completeness_gap": 1.2e-6},
        status="partial",
        reason="12 of 32 steps done",
        warnings=["the baseline is mid-grey"],
    )
    shown = words(figures.draw(map_, image(), title="Integrated gradients"))
    assert "ours (Integrated gradients) for vessel" in shown
    assert "steps 32 · baseline zero · completeness gap 1.2e-06" in shown
    assert "⚠ partial: 12 of 32 steps done" in shown and "⚠ the baseline is mid-grey" in shown
    assert "timeout" not in shown and "sigma" not in shown


def test_class_names_replace_numbers() -> None:
    shown = words(figures.draw(attribution(noise(1, 8, 9, 10), target="1"), image(), class_names=NAMES))
    assert "Saliency for vessel" in shown


def test_an_empty_map_says_so_and_has_no_colour_bar() -> None:
    empty = figures.draw(attribution(np.zeros((1, 8, 9, 10))), image())
    assert "⚠ the map is zero everywhere" in words(empty)
    assert len(empty.axes) == 6
    failed = figures.draw(attribution(None, status="timeout", reason="stopped after 600 s"), image())
    assert "⚠ no map, timeout: stopped after 600 s" in words(failed)


def test_regions_are_outlined_and_named() -> None:
    label = torch.zeros(8, 9, 10, dtype=torch.int64)
    label[2:6, 2:6, 2:6] = 1
    ground = replace(image(), label=label)
    prediction = np.roll(label.numpy(), 1, axis=0)
    with_both = figures.draw(attribution(noise(1, 8, 9, 10)), ground, prediction=prediction, class_names=NAMES)
    shown = words(with_both)
    assert "predicted: vessel" in shown and "label: vessel" in shown
    outlines = [len(axes.collections) for axes in with_both.axes[:3]]
    assert all(count >= 4 for count in outlines)
    other = figures.draw(attribution(noise(1, 8, 9, 10), target="2", target_index=2), ground)
    assert "label: class 2 (none)" in words(other)
    assert "for class 2" in words(other)


def test_overlapping_classes_have_their_own_regions() -> None:
    channels = np.zeros((2, 8, 9, 10), dtype=bool)
    channels[1, 2:4] = True
    scene = figures.Scene(image(), prediction=channels)
    assert scene.regions(1)[0].mask.sum() == 2 * 9 * 10
    assert not scene.regions(0)[0].mask.any()


def test_limits_are_those_asked_for() -> None:
    map_ = attribution(np.full((1, 8, 9, 10), 0.5))
    half = pictures(figures.draw(map_, image(), limits=(0.0, 1.0)))[0]
    tenth = pictures(figures.draw(map_, image(), limits=(0.0, 5.0)))[0]
    assert not np.array_equal(half, tenth)
    with pytest.raises(InputError, match="limits"):
        figures.draw(map_, image(), limits=(1.0, 0.0))


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"prediction has shape \(3, 3, 3\)"):
        figures.draw(attribution(noise(1, 8, 9, 10)), image(), prediction=np.zeros((3, 3, 3)))
    with pytest.raises(TypeError, match="class_names: a scene has its own"):
        figures.draw(attribution(noise(1, 8, 9, 10)), figures.Scene(image()), class_names=NAMES)


@pytest.mark.parametrize("shape", [(1, 9, 10), (8, 1, 10), (8, 9, 1), (1, 1, 10)])
def test_a_volume_one_voxel_thick_is_drawn_with_its_outlines(shape: tuple[int, ...]) -> None:
    prediction = np.zeros(shape, dtype=int)
    prediction[..., :1, :5] = 1
    drawn = figures.draw(attribution(noise(1, *shape)), image(shape), prediction=prediction)
    assert pixels(drawn).size


def test_nothing_global_is_touched() -> None:
    import matplotlib
    import matplotlib._pylab_helpers as helpers

    before = dict(matplotlib.rcParams)
    figures.draw(attribution(noise(1, 8, 9, 10)), image())
    assert dict(matplotlib.rcParams) == before and not helpers.Gcf.figs


def test_mathematics_in_names_is_not_parsed() -> None:
    figure: Figure = figures.draw(attribution(noise(1, 8, 9, 10), target="$x_", quantity="$\\frac"), image())
    assert "$x_" in words(figure) and pixels(figure).size


@pytest.mark.slow
def test_a_volume_is_drawn_in_no_time() -> None:
    scene, map_ = figures.Scene(image((100, 100, 100), np.eye(4))), attribution(noise(1, 100, 100, 100))
    figures.draw(map_, scene)
    start = time.perf_counter()
    figures.draw(map_, scene)
    assert time.perf_counter() - start < 1.0
