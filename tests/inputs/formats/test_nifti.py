from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import read_file
from torchesegeta.types import Affine


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ((4, 5, 6), (1, 4, 5, 6)),
        ((4, 5, 6, 1), (1, 4, 5, 6)),
        ((4, 5, 6, 3), (3, 4, 5, 6)),
        ((4, 5, 6, 1, 3), (3, 4, 5, 6)),
        ((4, 5), (1, 4, 5)),
        ((4, 5, 1), (1, 4, 5)),
        ((4, 5, 1, 3), (3, 4, 5)),
        ((1, 5, 6), (1, 1, 5, 6)),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_axes(stored: tuple[int, ...], expected: tuple[int, ...], suffix: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 99, stored).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / f"a{suffix}")
    source = read_file(tmp_path / f"a{suffix}")
    assert source.values.shape == expected
    assert source.grid.shape == expected[1:]
    flat = values.reshape(*expected[1:], expected[0])
    np.testing.assert_array_equal(source.values, np.moveaxis(flat, -1, 0))


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_affine_and_header_survive(kind: Any, oblique: Affine, noise: NDArray[np.int16], tmp_path: Path) -> None:
    image = kind(noise, oblique)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(oblique, code=3)
    nibabel.save(image, tmp_path / "a.nii.gz")
    source = read_file(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(source.grid.affine, oblique)
    assert type(source.grid.header) is kind.header_class
    assert source.grid.header["qform_code"] == 3


def test_slope_and_intercept(tmp_path: Path) -> None:
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nibabel.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read_file(tmp_path / "a.nii.gz").values[0], stored * 0.5 + 10)


def test_micrometres(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.diag([50.0, 50, 50, 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii")
    affine = read_file(tmp_path / "a.nii").grid.affine
    assert affine is not None
    np.testing.assert_allclose(affine, np.diag([0.05, 0.05, 0.05, 1]))


def test_rgb_voxels_are_channels(tmp_path: Path) -> None:
    rgb = np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"] = 7
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "a.nii")
    values = read_file(tmp_path / "a.nii").values
    assert values.shape == (3, 4, 5, 6)
    assert [channel.max() for channel in values] == [0, 7, 0]


def test_file_without_codes_keeps_voxel_sizes(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), None)
    image.header.set_zooms((2, 3, 4))
    nibabel.save(image, tmp_path / "a.nii")
    affine = read_file(tmp_path / "a.nii").grid.affine
    assert affine is not None
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), [2, 3, 4])


def test_two_further_axes_are_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6, 2, 3), np.uint8), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match=r"a.nii has shape \(4, 5, 6, 2, 3\); allowed"):
        read_file(tmp_path / "a.nii")


def test_complex_values_are_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.complex64), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match="a.nii holds complex values"):
        read_file(tmp_path / "a.nii")


def test_affine_that_cannot_be_inverted_is_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4))
    image.header["srow_y"] = 0
    nibabel.save(image.__class__(image.dataobj, None, image.header), tmp_path / "a.nii")
    with pytest.raises(InputError, match="a.nii: the affine cannot be inverted"):
        read_file(tmp_path / "a.nii")


def test_truncated(noise: NDArray[np.int16], tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.nii.gz", tmp_path / "part.nii.gz"
    nibabel.save(nibabel.Nifti1Image(noise, np.eye(4)), whole)
    size = whole.stat().st_size
    for length in (0, int(0.3 * size), int(0.9 * size), size - 1):
        part.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(InputError, match="part.nii.gz cannot be read as NIfTI; is it complete"):
            read_file(part)


def test_a_changed_byte(noise: NDArray[np.int16], tmp_path: Path) -> None:
    content = gzip.compress(nibabel.Nifti1Image(noise, np.eye(4)).to_bytes(), compresslevel=0)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_file(path).values[0], noise)
    place = len(content) - 100
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(InputError, match=r"a.nii.gz cannot be read as NIfTI; .* \(CRC check failed"):
        read_file(path)
