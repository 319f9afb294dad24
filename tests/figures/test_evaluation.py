"""Figures of evaluation: strips of a cascade, and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from torchesegeta.errors import InputError
from torchesegeta.figures.cascade import MOST, CascadeRow, cascade_strip
from torchesegeta.figures.curves import draw_curves
from torchesegeta.figures.frame import frame_of, projected_along

TURNED = np.array([[0, -1.0, 0, 9], [1, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])


def pictures(figure: Any) -> list[Any]:
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def words(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_a_strip_has_a_row_per_method_and_a_column_per_step() -> None:
    views = np.random.default_rng(0).normal(size=(3, 8, 6)).astype(np.float32)
    rows = [CascadeRow("Saliency", views, False, (1.0, 0.5, None)), CascadeRow("Vanilla", views, True)]
    figure = cascade_strip(rows, ["original", "head", "stem"], frame_of((8, 6), None), title="Weights drawn anew")
    assert len(pictures(figure)) == 6 and all(array.shape[:2] == (8, 6) for array in pictures(figure))
    assert {"Saliency", "Vanilla", "original", "head", "stem", "0.50"} <= set(words(figure))


def test_a_long_cascade_shows_its_ends() -> None:
    steps = [f"layer{n}" for n in range(30)]
    rows = [CascadeRow("a", np.ones((30, 5, 5), dtype=np.float32), False)]
    figure = cascade_strip(rows, steps, frame_of((5, 5), None), title="t")
    assert len(pictures(figure)) == MOST and {"layer0", "layer29"} <= set(words(figure))


def test_volumes_are_turned_as_other_figures_are() -> None:
    frame = frame_of((8, 9, 7), TURNED)
    assert projected_along(frame, frame.planes[0]) == 2
    view = np.zeros((1, 8, 9), dtype=np.float32)
    view[0, 1, 2] = 1
    (shown,) = pictures(cascade_strip([CascadeRow("a", view, False)], ["original"], frame, title="t"))
    assert shown.shape[:2] == (8, 9)
    bright = np.unravel_index(shown.sum(-1).argmax(), shown.shape[:2])
    volume = np.repeat(view[0][..., None], 7, 2)
    expected = frame.planes[0].cut(frame.orient(volume), 0)
    assert bright == np.unravel_index(expected.argmax(), expected.shape)


def test_a_strip_needs_as_many_maps_as_steps() -> None:
    with pytest.raises(InputError, match="3 maps each"):
        cascade_strip([CascadeRow("a", np.ones((2, 4, 4)), False)], ["a", "b", "c"], frame_of((4, 4), None), title="t")


def test_curves_have_a_panel_per_figure_and_a_line_per_method() -> None:
    panels: dict[str, dict[str, list[float | None]]] = {
        "ssim": {"a": [1.0, 0.5, None], "b": [1.0, 0.9, 0.8]},
        "hog": {"a": [1.0, 0.1, 0.2]},
    }
    figure = draw_curves(panels, ["original", "head", "stem"], title="Cascading randomisation")
    lines = [len(axes.lines) for axes in figure.axes if axes.axison]
    assert lines == [3, 2], "with a line at 0"
    assert {"SSIM", "HOG", "a", "b"} <= set(words(figure))
    first = np.asarray(next(axes for axes in figure.axes if axes.axison).lines[0].get_ydata())
    assert np.isnan(first[-1]) and first[1] == 0.5


def test_steps_that_are_numbers_are_positions() -> None:
    figure = draw_curves({"score": {"a": [1.0, 0.2, 0.0]}}, ["0", "0.1", "1"], title="Deletion")
    (axes,) = [axes for axes in figure.axes if axes.axison]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [0, 0.1, 1]
    with pytest.raises(InputError, match="over 2 steps"):
        draw_curves({"score": {"a": [1.0]}}, ["0", "1"], title="t")
