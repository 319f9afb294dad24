from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import read_file


@pytest.mark.parametrize(
    ("stored", "spatial_dims", "expected"),
    [
        ((8, 9), None, (1, 8, 9)),
        ((3, 8, 9), None, (3, 8, 9)),
        ((20, 8, 9), None, (1, 20, 8, 9)),
        ((20, 8, 9), 2, (20, 8, 9)),
        ((3, 8, 9), 3, (1, 3, 8, 9)),
        ((2, 5, 8, 9), None, (2, 5, 8, 9)),
    ],
)
def test_axes(stored: tuple[int, ...], spatial_dims: int | None, expected: tuple[int, ...], tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=stored)
    np.save(tmp_path / "a.npy", values)
    source = read_file(tmp_path / "a.npy", spatial_dims=spatial_dims)
    assert source.grid.shape == expected[1:]
    np.testing.assert_array_equal(source.values, values.reshape(expected))


def test_one_array_in_an_archive(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(3, 4)
    np.savez_compressed(tmp_path / "a.npz", image=values)
    np.testing.assert_array_equal(read_file(tmp_path / "a.npz").values[0], values)


def test_several_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((3, 4)), label=np.zeros((3, 4)))
    with pytest.raises(InputError, match=r"a.npz holds 2 arrays \(image, label\)"):
        read_file(tmp_path / "a.npz")


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="a.npy cannot be read as NumPy.*allow_pickle=False"):
        read_file(tmp_path / "a.npy")
