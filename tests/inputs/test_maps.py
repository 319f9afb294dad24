from __future__ import annotations

import errno
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from torchesegeta.errors import InputError, StoreError
from torchesegeta.inputs import map_suffix, read_image, read_map, write_map
from torchesegeta.inputs.maps import PLACE
from torchesegeta.types import Affine, Grid

from .conftest import SaveNifti

RANDOM = np.random.default_rng(0)


def noise_map(*shape: int) -> NDArray[np.float32]:
    return RANDOM.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(9, 10, 12), (9, 10, 12, 3), (9, 10, 12, 1), (9, 10), (9, 10, 1), (9, 10, 1, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_header_is_kept_bit_for_bit(
    shape: tuple[int, ...], channels: int, save_nifti: SaveNifti, oblique: Affine, tmp_path: Path
) -> None:
    original = save_nifti("a.nii.gz", RANDOM.integers(0, 9, shape).astype(np.int16), oblique, qform=1, sform=4)
    grid = read_image(original).file_grid
    assert grid is not None
    assert map_suffix(grid) == ".nii.gz"
    values = noise_map(channels, *grid.shape)
    write_map(tmp_path / "map.nii.gz", values, grid)
    old, new = nibabel.load(original), nibabel.load(tmp_path / "map.nii.gz")
    for field in PLACE:
        np.testing.assert_array_equal(new.header[field], old.header[field], err_msg=field)
    assert new.get_data_dtype() == np.float32
    assert new.ndim == (4 if channels > 1 else min(len(shape), 3))
    np.testing.assert_array_equal(new.affine, old.affine)
    back, affine = read_map(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(back, values)
    np.testing.assert_array_equal(affine, old.affine)


def test_nothing_else_of_the_header_is_copied(save_nifti: SaveNifti, oblique: Affine, tmp_path: Path) -> None:
    path = save_nifti("a.nii", RANDOM.integers(0, 9, (4, 5, 6)).astype(np.int16), oblique)
    image = nibabel.load(path)
    image.header["descrip"] = b"name of a patient"
    image.header["cal_max"] = 9
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"name of a patient"))
    nibabel.save(image, tmp_path / "b.nii")
    grid = read_image(tmp_path / "b.nii").file_grid
    assert grid is not None
    write_map(tmp_path / "map.nii.gz", noise_map(1, 4, 5, 6), grid)
    header = nibabel.load(tmp_path / "map.nii.gz").header
    assert not header["descrip"].item()
    assert header["cal_max"] == 0
    assert not header.extensions


def test_grid_that_the_header_does_not_describe(save_nifti: SaveNifti, oblique: Affine, tmp_path: Path) -> None:
    """As for a layer's grid: the affine is the grid's, the code the file's."""
    grid = read_image(save_nifti("a.nii", RANDOM.integers(0, 9, (8, 8, 8)).astype(np.int16), oblique)).file_grid
    assert grid is not None
    coarse = oblique @ np.diag([2.0, 2, 2, 1])
    write_map(tmp_path / "layer.nii.gz", noise_map(1, 4, 4, 4), Grid((4, 4, 4), coarse, grid.header))
    image = nibabel.load(tmp_path / "layer.nii.gz")
    np.testing.assert_allclose(image.affine, coarse, rtol=1e-6)
    np.testing.assert_allclose(image.header.get_zooms(), np.linalg.norm(coarse[:3, :3], axis=0), rtol=1e-6)
    assert image.header["sform_code"] == 2
    assert image.header.get_xyzt_units()[0] == "mm"


def test_volume_without_header(oblique: Affine, tmp_path: Path) -> None:
    values = noise_map(2, 4, 5, 6)
    write_map(tmp_path / "a.nii.gz", values, Grid((4, 5, 6), oblique))
    write_map(tmp_path / "b.nii.gz", values, Grid((4, 5, 6)))
    placed, unplaced = read_map(tmp_path / "a.nii.gz"), read_map(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(placed[0], values)
    np.testing.assert_array_equal(placed[1], oblique)
    np.testing.assert_array_equal(unplaced[0], values)
    assert unplaced[1] is None


@pytest.mark.parametrize("shape", [(1, 7, 9), (3, 7, 9), (4, 7, 3), (1, 7, 1), (2, 1, 9)])
def test_two_dimensions(shape: tuple[int, ...], tmp_path: Path) -> None:
    grid = Grid(shape[1:])
    assert map_suffix(grid) == ".tif"
    values = noise_map(*shape)
    write_map(tmp_path / "map.tif", values, grid)
    back, affine = read_map(tmp_path / "map.tif")
    np.testing.assert_array_equal(back, values)
    assert back.dtype == np.float32
    assert affine is None
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "map.tif").reshape(shape), values)


@pytest.mark.parametrize("grid", [Grid((5, 6)), Grid((5, 6, 7), np.eye(4))])
def test_equal_maps_give_equal_files(grid: Grid, tmp_path: Path) -> None:
    values = noise_map(1, *grid.shape)
    paths = [tmp_path / folder / f"map{map_suffix(grid)}" for folder in ("one", "two")]
    for path in paths:
        write_map(path, values, grid)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if paths[0].suffix == ".gz":
        assert paths[0].read_bytes()[4:8] == bytes(4), "the time of writing is in the file"
    assert [entry.name for entry in paths[0].parent.iterdir()] == [paths[0].name]


@pytest.mark.parametrize("grid", [Grid((5, 6)), Grid((5, 6, 7), np.eye(4))])
def test_full_disk_leaves_the_old_file(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / f"map{map_suffix(grid)}"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=f"{path.name} cannot be written: No space left on device"):
        write_map(path, noise_map(1, *grid.shape), grid)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(StoreError, match="map.tif cannot be written"):
        write_map(tmp_path / "a" / "map.tif", noise_map(1, 5, 6), Grid((5, 6)))


def test_wrong_shape_or_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(1, 5, 7\) is not on the grid \(5, 6\)"):
        write_map(tmp_path / "map.tif", noise_map(1, 5, 7), Grid((5, 6)))
    with pytest.raises(InputError, match="map.png: a map on this grid is a .tif file"):
        write_map(tmp_path / "map.png", noise_map(1, 5, 6), Grid((5, 6)))
