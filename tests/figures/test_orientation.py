"""Sides: a map looks the same however its file is stored, and left is where it is said to be."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from nibabel import orientations
from nibabel.eulerangles import euler2mat

from torchesegeta import figures
from torchesegeta.figures.frame import frame_of
from torchesegeta.types import Affine, Attribution, Image

from .support import Array, attribution, noise, pictures, pixels, words

SPACING = (1.0, 1.25, 2.0)
SHAPE = (24, 20, 14)
BLOB = (4, 15, 10)
"""In RAS voxels: left, anterior, superior of the middle."""


def ras_affine() -> Affine:
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -(np.array(SHAPE) - 1) * SPACING / 2
    return affine


def stored(data: Array, codes: str) -> tuple[Array, Affine]:
    """The same volume in another storage orientation."""
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes))
    affine = ras_affine() @ orientations.inv_ornt_aff(turn, data.shape)
    return np.ascontiguousarray(orientations.apply_orientation(data, turn)), affine


def blob() -> Array:
    values = np.zeros(SHAPE, dtype=np.float32)
    values[tuple(slice(place - 1, place + 2) for place in BLOB)] = 1.0
    return values


def case(codes: str) -> tuple[Attribution, Image, Array]:
    """A map, its image and a prediction in one storage orientation."""
    ground, affine = stored(np.abs(noise(*SHAPE)), codes)
    label = stored((blob() > 0).astype(np.int64), codes)[0]
    prediction = stored((np.roll(blob(), 1, axis=0) > 0).astype(np.int64), codes)[0]
    map_ = attribution(stored(blob(), codes)[0][None], affine=affine)
    return map_, Image(torch.from_numpy(ground)[None], affine, "head", torch.from_numpy(label)), prediction


def test_storage_orientation_does_not_show() -> None:
    drawings = []
    for codes in ("RAS", "LAS", "LPI", "ASR", "SPL"):
        map_, image, prediction = case(codes)
        drawings.append(pixels(figures.draw(map_, image, prediction=prediction)))
    assert all(np.array_equal(drawings[0], other) for other in drawings[1:])


@pytest.mark.parametrize(("convention", "left_on_right"), [("radiological", True), ("neurological", False)])
def test_a_blob_on_the_left_is_drawn_on_its_side(
    convention: Literal["radiological", "neurological"], left_on_right: bool
) -> None:
    map_, image, _ = case("LAS")
    figure = figures.draw(map_, Image(torch.zeros_like(image.data), image.affine), convention=convention)
    axial, coronal, sagittal = (np.argwhere(picture.sum(axis=2) > 60).mean(axis=0) for picture in pictures(figure)[:3])
    assert (axial[1] > SHAPE[0] / 2) == left_on_right
    assert (coronal[1] > SHAPE[0] / 2) == left_on_right
    assert axial[0] < SHAPE[1] / 2, "anterior is up"
    assert coronal[0] < SHAPE[2] / 2 and sagittal[0] < SHAPE[2] / 2, "superior is up"
    assert (sagittal[1] < SHAPE[1] / 2) == left_on_right, "anterior is left in radiological convention"
    marks = [text.get_text() for text in figure.axes[0].texts[:2]]
    assert marks == (["R", "L"] if left_on_right else ["L", "R"])


def test_positions_are_those_of_the_blob() -> None:
    map_, image, _ = case("LPI")
    shown = words(figures.draw(map_, image))
    for index, axis, letters in zip(BLOB, range(3), ("LR", "PA", "IS"), strict=True):
        millimetres = (index - (SHAPE[axis] - 1) / 2) * SPACING[axis]
        side = letters[int(millimetres > 0)]
        assert f", {side} {round(abs(millimetres)):g} mm" in shown


def test_panels_have_the_true_aspect() -> None:
    map_, image, _ = case("RAS")
    figure = figures.draw(map_, image)
    width, height = figure.get_size_inches()
    box = figure.axes[1].get_position()
    assert box.width * width / (box.height * height) == pytest.approx(24 * 1.0 / (14 * 2.0))


def test_an_oblique_image_says_so() -> None:
    affine = ras_affine()
    affine[:3, :3] = euler2mat(0.2, 0.0, 0.0) @ affine[:3, :3]
    shown = words(figures.draw(attribution(blob()[None]), Image(torch.ones(1, *SHAPE), affine)))
    assert "oblique by 11°" in shown


def test_without_an_affine_no_side_is_claimed() -> None:
    figure = figures.draw(attribution(blob()[None]), Image(torch.ones(1, *SHAPE)))
    marks = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert not marks & set("RLAPSI")
    assert {"axis 0", "axis 1", "axis 2", "2 voxels"} <= marks
    assert "axis 0, index 4" in words(figure)


def test_a_2d_slice_with_an_affine_lies_in_its_plane() -> None:
    coronal = np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 7], [0, 1.0, 0, 0], [0, 0, 0, 1]])
    frame = frame_of((6, 5), coronal)
    assert [plane.name for plane in frame.planes] == ["coronal"]
    picture = frame.planes[0].cut(frame.orient(np.arange(30).reshape(6, 5)), 0)
    assert picture.shape == (5, 6)
    assert picture[0, 0] == 5 * 5 + 4, "superior and patient's right at the picture's top left"
