from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import torch

from torchesegeta.errors import InputError
from torchesegeta.inputs import output_grid, resample, to_file_grid
from torchesegeta.types import Affine, Grid, Image


def ramps(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Each voxel holds its own indices, one per channel."""
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(np.float32)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_permuted_and_flipped_axes_are_exact(order: tuple[int, ...]) -> None:
    values = ramps((4, 5, 6))
    for signs in product((1, -1), repeat=3):
        transform = np.zeros((4, 4))
        transform[3, 3] = 1
        for wanted, axis in enumerate(order):
            transform[wanted, axis] = signs[wanted]
            transform[wanted, 3] = 0 if signs[wanted] > 0 else values.shape[1 + axis] - 1
        shape = tuple(values.shape[1 + axis] for axis in order)
        result = resample(values, transform, shape)
        expected = values.transpose(0, *(axis + 1 for axis in order))
        expected = np.flip(expected, tuple(i + 1 for i, sign in enumerate(signs) if sign < 0))
        np.testing.assert_array_equal(result, expected)


def test_crop_and_pad_are_exact() -> None:
    values = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype(np.float32)
    transform = np.eye(4)
    transform[:3, 3] = [2, -1, 0]
    result = resample(values, transform, (7, 3, 6))
    expected = np.zeros((2, 7, 3, 6), dtype=np.float32)
    expected[:, 2:6, :3] = values[:, :, 1:4]
    np.testing.assert_array_equal(result, expected)


def test_nothing_where_the_grids_do_not_meet() -> None:
    transform = np.eye(4)
    transform[0, 3] = 50
    assert not resample(np.ones((1, 4, 5, 6), dtype=np.float32), transform, (4, 5, 6)).any()


def test_nearly_whole_is_exact_only_over_the_whole_grid() -> None:
    values = np.random.default_rng(0).normal(size=(1, 200, 3, 3)).astype(np.float32)
    tiny, small = np.eye(4), np.eye(4)
    tiny[0, 0] += 1e-7
    small[0, 0] += 1e-3
    np.testing.assert_array_equal(resample(values, tiny, (200, 3, 3)), values)
    assert np.abs(resample(values, small, (200, 3, 3)) - values).max() > 0.01


def test_linear_inside_nearest_face_outside_zero() -> None:
    """Values at half steps; half a voxel beyond the centres still belongs to the outermost voxel."""
    values = np.array([[[10.0, 20.0, 30.0]] * 2], dtype=np.float32)
    transform = np.diag([1.0, 2, 1, 1])
    transform[1, 3] = 2.5
    row = resample(values, transform, (2, 12))[0, 0]
    np.testing.assert_allclose(row, [0, 0, 10, 12.5, 17.5, 22.5, 27.5, 30, 0, 0, 0, 0], rtol=1e-6)


def test_rotation_agrees_with_the_plain_formula() -> None:
    angle = 0.3
    transform = np.eye(4)
    transform[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    transform[:3, 3] = [3, -1, 0.5]
    values = ramps((9, 10, 8))
    result = resample(values, transform, (12, 11, 9))
    wanted = ramps((12, 11, 9)).reshape(3, -1)
    inverse = np.linalg.inv(transform)
    where = inverse[:3, :3] @ wanted + inverse[:3, 3:]
    inside = ((where >= 0) & (where <= np.array([[8], [9], [7]]))).all(axis=0)
    assert inside.sum() > 100
    np.testing.assert_allclose(result.reshape(3, -1)[:, inside], where[:, inside], atol=1e-5)


def test_labels_stay_whole() -> None:
    values = np.random.default_rng(0).integers(0, 3, (1, 6, 7, 8))
    result = resample(values, np.diag([1.7, 1.3, 0.6, 1]), (10, 9, 5), order=0)
    assert result.dtype == values.dtype
    assert set(np.unique(result)) <= {0, 1, 2}


@pytest.fixture
def image(oblique: Affine) -> Image:
    """A model's grid: axes swapped, cropped by two."""
    transform = np.eye(4)[[1, 0, 2, 3]]
    transform[0, 3] = 2
    return Image(torch.zeros(1, 5, 6, 7), oblique @ transform, file_grid=Grid((9, 5, 7), oblique))


def test_map_back_through_the_affines(image: Image) -> None:
    values = torch.randn(2, 5, 6, 7)
    result = to_file_grid(values, image)
    expected = np.zeros((2, 9, 5, 7), dtype=np.float32)
    expected[:, 2:8] = values.numpy().transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(result, expected)


def test_map_without_a_file_stays(image: Image) -> None:
    values = torch.randn(1, 5, 6, 7)
    np.testing.assert_array_equal(to_file_grid(values, replace(image, file_grid=None)), values.numpy())


def test_map_of_another_shape_is_refused(image: Image) -> None:
    with pytest.raises(InputError, match=r"\(1, 5, 6, 8\) are not on the image's grid \(5, 6, 7\)"):
        to_file_grid(torch.zeros(1, 5, 6, 8), image)


def test_unknown_place_is_refused(image: Image) -> None:
    with pytest.raises(InputError, match="nothing tells where"):
        to_file_grid(torch.zeros(1, 5, 6, 7), replace(image, affine=None))


def test_output_grid(image: Image) -> None:
    assert output_grid(image) is image.file_grid
    bare = replace(image, file_grid=None)
    assert output_grid(bare).shape == (5, 6, 7)
    assert output_grid(bare).affine is image.affine
