from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures

from torchesegeta.errors import InputError
from torchesegeta.inputs import as_image, output_grid, read_image, read_map, to_file_grid, write_map
from torchesegeta.types import Affine, Image

from .conftest import SaveNifti

Volume = NDArray[np.int16]


def smooth(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A bump in the middle of the field of view."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return np.asarray(100 * np.exp(-sum(a**2 for a in axes) / 0.3), dtype=np.float32)


def test_volume_as_it_is(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    image = read_image(save_nifti("patient 7.nii.gz", noise, oblique))
    assert image.name == "patient_7"
    assert image.data.dtype == torch.float32
    np.testing.assert_array_equal(image.data[0], noise)
    np.testing.assert_array_equal(image.affine, oblique)
    np.testing.assert_allclose(image.spacing, (0.7, 0.5, 1.2), rtol=1e-6)
    assert image.to_file is None
    assert output_grid(image).header["sform_code"] == 2
    assert pickle.loads(pickle.dumps(image)).file_grid.header == output_grid(image).header


@pytest.mark.parametrize("codes", ["LAS", "LPI", "RAS", "SPL", "AIR"])
@pytest.mark.parametrize("tilted", [False, True])
def test_back_to_the_file_bit_for_bit(
    codes: str, tilted: bool, save_nifti: SaveNifti, oblique: Affine, noise: Volume, tmp_path: Path
) -> None:
    """File in any orientation -> RAS, flips, turns, crops, pads -> map -> the file's own grid."""
    affine = oblique if tilted else np.diag([-0.7, 0.5, 1.2, 1])
    stored = nibabel.orientations.axcodes2ornt(codes)
    present = nibabel.io_orientation(affine)
    change = nibabel.orientations.ornt_transform(present, stored)
    affine = affine @ nibabel.orientations.inv_ornt_aff(change, noise.shape)
    noise = nibabel.orientations.apply_orientation(noise, change)
    path = save_nifti("a.nii.gz", noise, affine)
    assert "".join(nibabel.aff2axcodes(nibabel.load(path).affine)) == codes
    steps: list[dict[str, Any]] = [
        {"name": "Orientation", "axcodes": "RAS"},
        {"name": "Flip", "spatial_axis": [0, 2]},
        {"name": "Rotate90", "k": 1, "spatial_axes": [0, 1]},
        {"name": "DivisiblePad", "k": 8},
    ]
    image = read_image(path, preprocess=steps)
    assert all(size % 8 == 0 for size in image.shape)
    back = to_file_grid(image.data, image)
    np.testing.assert_array_equal(back[0], noise)
    write_map(tmp_path / "map.nii.gz", back, output_grid(image))
    map_image, original = nibabel.load(tmp_path / "map.nii.gz"), nibabel.load(path)
    for field in ("srow_x", "srow_y", "srow_z", "pixdim", "qform_code", "sform_code", "quatern_b", "qoffset_x"):
        np.testing.assert_array_equal(map_image.header[field], original.header[field])
    np.testing.assert_array_equal(map_image.get_fdata(), noise)


def test_orientation_as_nibabel_does_it(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    path = save_nifti("a.nii.gz", noise, oblique)
    image = read_image(path, preprocess=[{"name": "Orientation", "axcodes": "RAS"}])
    twin = nibabel.as_closest_canonical(nibabel.load(path))
    np.testing.assert_array_equal(image.data[0], twin.get_fdata())
    assert image.affine is not None
    np.testing.assert_allclose(image.affine, twin.affine, rtol=0, atol=1e-12)


def test_spacing_there_and_back(save_nifti: SaveNifti, oblique: Affine) -> None:
    values = smooth((60, 70, 30))
    steps: list[dict[str, Any]] = [{"name": "Orientation", "axcodes": "RAS"}, {"name": "Spacing", "pixdim": [2, 2, 2]}]
    image = read_image(save_nifti("a.nii.gz", values, oblique), preprocess=steps)
    np.testing.assert_allclose(image.spacing, 2, rtol=1e-6)
    back = to_file_grid(image.data, image)
    assert back.shape == (1, 60, 70, 30)
    np.testing.assert_allclose(back[0][3:-3, 3:-3, 2:-2], values[3:-3, 3:-3, 2:-2], atol=3.5)
    peaks = [np.unravel_index(v.argmax(), v.shape) for v in (values, back[0])]
    assert np.linalg.norm((np.array(peaks[0]) - peaks[1]) * [0.7, 0.5, 1.2]) < 2


def test_crop_of_the_foreground(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    noise[:3] = noise[:, 7:] = noise[..., :2] = 0
    image = read_image(save_nifti("a.nii.gz", noise, oblique), preprocess=[{"name": "CropForeground"}])
    assert image.shape == (6, 7, 10)
    np.testing.assert_array_equal(to_file_grid(image.data, image)[0], noise)
    assert image.affine is not None
    np.testing.assert_allclose(image.affine @ [0, 0, 0, 1], oblique @ [3, 0, 2, 1])


def test_label_follows_the_image(save_nifti: SaveNifti, oblique: Affine) -> None:
    values = smooth((40, 50, 20))
    classes = (values > 20).astype(np.uint8) + (values > 60)
    path, label = save_nifti("a.nii.gz", values, oblique), save_nifti("l.nii.gz", classes, oblique)
    steps: list[dict[str, Any]] = [
        {"name": "Orientation", "axcodes": "RAS"},
        {"name": "Spacing", "pixdim": [0.9, 0.9, 0.9]},
        {"name": "CropForeground", "margin": 3},
        {"name": "ScaleIntensity"},
    ]
    image = read_image(path, label=label, preprocess=steps)
    assert image.label is not None
    assert image.label.dtype == torch.int64
    assert tuple(image.label.shape) == image.shape
    seen = image.data[0] * (values.max() - values.min()) + values.min()
    expected = (seen > 20).long() + (seen > 60).long()
    assert (image.label == expected).float().mean() > 0.97
    assert ((image.label == 2) & (expected == 2)).sum() / (expected == 2).sum() > 0.93
    back = to_file_grid(image.label[None], image, order=0)[0]
    assert (back == classes).mean() > 0.96


def test_label_of_flips_and_crops_is_exact(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    steps: list[dict[str, Any]] = [
        {"name": "Orientation", "axcodes": "SRA"},
        {"name": "CenterSpatialCrop", "roi_size": [8, 9, 7]},
    ]
    path = save_nifti("a.nii.gz", noise, oblique)
    image = read_image(path, label=path, preprocess=steps)
    assert image.label is not None
    np.testing.assert_array_equal(image.label, image.data[0])


def test_coloured_picture(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Pictures.fromarray(rgb).save(tmp_path / "eye.png")
    classes = rgb[..., 0] // 100
    Pictures.fromarray(classes).save(tmp_path / "vessels.png")
    steps: list[dict[str, Any]] = [
        {"name": "Rotate90", "k": 1},
        {"name": "SpatialPad", "spatial_size": [32, 24]},
        {"name": "SpatialCrop", "roi_start": [1, 2], "roi_end": [31, 23]},
    ]
    image = read_image(tmp_path / "eye.png", label=tmp_path / "vessels.png", preprocess=steps)
    assert image.affine is None
    assert image.spatial_dims == 2
    assert image.label is not None
    inside = image.data[0] > 0
    np.testing.assert_array_equal(image.label[inside], (image.data[0][inside] * 255).round().long() // 100)
    np.testing.assert_allclose(to_file_grid(image.data, image), rgb.transpose(2, 0, 1) / 255, rtol=1e-6)


def test_resized_picture_comes_back_in_place(tmp_path: Path) -> None:
    Pictures.fromarray(smooth((64, 48)).astype(np.uint8)).save(tmp_path / "a.png")
    steps = [{"name": "Resize", "spatial_size": [32, 36], "mode": "bilinear"}]
    image = read_image(tmp_path / "a.png", preprocess=steps)
    back = to_file_grid(image.data, image)
    np.testing.assert_allclose(back[0], smooth((64, 48)) / 255, atol=0.02)


def test_slice_of_a_volume(save_nifti: SaveNifti, oblique: Affine, noise: Volume, tmp_path: Path) -> None:
    """A sagittal slice as a 2D file: its columns run along y and z."""
    affine = oblique[:, [1, 2, 0, 3]]
    path = save_nifti("a.nii.gz", noise[:, :, :1], affine)
    steps: list[dict[str, Any]] = [{"name": "Spacing", "pixdim": [1, 1]}, {"name": "Flip", "spatial_axis": 1}]
    image = read_image(path, preprocess=steps)
    assert image.spatial_dims == 2
    np.testing.assert_allclose(image.spacing, (1, 1), rtol=1e-6)
    assert image.affine is not None
    corner = image.affine @ [0, image.shape[1] - 1, 0, 1]
    np.testing.assert_allclose(corner, affine @ [0, 0, 0, 1], atol=0.7)
    back = to_file_grid(image.data, image)
    assert back.shape == (1, 9, 10)
    write_map(tmp_path / "map.nii.gz", back, output_grid(image))
    np.testing.assert_array_equal(nibabel.load(tmp_path / "map.nii.gz").affine, nibabel.load(path).affine)
    np.testing.assert_array_equal(read_map(tmp_path / "map.nii.gz")[0], back)


def test_several_files_are_channels(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    paths = [save_nifti("t1.nii.gz", noise, oblique), save_nifti("t2.nii.gz", noise // 2, oblique)]
    image = read_image(paths, preprocess=[{"name": "NormalizeIntensity", "channel_wise": True}])
    assert image.name == "t1"
    assert image.data.shape == (2, 9, 10, 12)
    np.testing.assert_allclose(image.data.mean((1, 2, 3)), 0, atol=1e-5)


def test_channels_of_other_shape_or_place(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    first = save_nifti("t1.nii.gz", noise, oblique)
    with pytest.raises(InputError, match=r"t1.nii.gz has shape \(9, 10, 12\), t2.nii.gz has shape \(9, 10, 11\)"):
        read_image([first, save_nifti("t2.nii.gz", noise[..., 1:], oblique)])
    moved = oblique.copy()
    moved[0, 3] += 0.7
    with pytest.raises(InputError, match=r"t1.nii.gz and t3.nii.gz have different affines: up to \S+ voxels apart"):
        read_image([first, save_nifti("t3.nii.gz", noise, moved)])
    rounded = oblique + 1e-6
    assert read_image([first, save_nifti("t4.nii.gz", noise, rounded)]).data.shape[0] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v[1:], r"a.nii.gz has shape \(9, 10, 12\), l.nii.gz has shape \(8, 10, 12\); a label must lie"),
        (lambda v: np.stack([v, v], -1), "label l.nii.gz has 2 channels"),
        (lambda v: v / 2, r"label l.nii.gz holds \S*\.5; allowed: whole numbers only"),
    ],
)
def test_label_that_does_not_fit(
    change: Any, words: str, save_nifti: SaveNifti, oblique: Affine, noise: Volume
) -> None:
    path = save_nifti("a.nii.gz", noise, oblique)
    with pytest.raises(InputError, match=words):
        read_image(path, label=save_nifti("l.nii.gz", change(noise), oblique))


def test_not_finite(save_nifti: SaveNifti, oblique: Affine) -> None:
    values = smooth((9, 10, 12))
    values[3, 4, 5], values[8, 8, 8] = np.nan, np.inf
    words = r"a.nii.gz has 2 NaN/Inf voxels, the first at channel 0, voxel \(3, 4, 5\)"
    with pytest.raises(InputError, match=words):
        read_image(save_nifti("a.nii.gz", values, oblique))
    with pytest.raises(InputError, match="image has 2 NaN/Inf voxels"):
        as_image(torch.from_numpy(values)[None])


def test_wanted_dims(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    with pytest.raises(InputError, match="a.nii.gz has 3 spatial axes; 2 are wanted"):
        read_image(save_nifti("a.nii.gz", noise, oblique), spatial_dims=2)


def test_no_files() -> None:
    with pytest.raises(InputError, match="the list of paths is empty"):
        read_image([])


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", " a", "a:b"])
def test_name_must_be_a_folders(name: str) -> None:
    with pytest.raises(InputError, match="cannot be a folder's"):
        as_image(torch.zeros(1, 4, 5), name=name)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64, np.float64, np.bool_, ">f4"])
def test_arrays_keep_their_values(kind: Any) -> None:
    values = np.random.default_rng(0).integers(0, 2, (3, 8, 9)).astype(kind)
    image = as_image(values)
    assert (image.name, image.affine, image.file_grid) == ("image", None, None)
    assert image.data.dtype == torch.float32
    np.testing.assert_array_equal(image.data, values)
    values[:] = 1
    assert image.data.min() == 0


def test_tensors() -> None:
    data = torch.randn(1, 2, 8, 9, 10, requires_grad=True)
    image = as_image(data, name="a")
    assert image.data.shape == (2, 8, 9, 10)
    assert not image.data.requires_grad
    assert data.requires_grad
    assert as_image(data[0, :, 0], spatial_dims=2).spatial_dims == 2
    assert as_image(data[0, :, 0], spatial_dims=3).data.shape == (1, 2, 9, 10)


def test_tensor_that_knows_its_place(oblique: Affine) -> None:
    from monai.data import MetaTensor

    image = as_image(MetaTensor(torch.randn(1, 4, 5, 6), affine=torch.from_numpy(oblique)))
    assert type(image.data) is torch.Tensor
    np.testing.assert_array_equal(image.affine, oblique)


def test_images_and_paths(save_nifti: SaveNifti, oblique: Affine, noise: Volume) -> None:
    path = save_nifti("a.nii.gz", noise, oblique)
    image = as_image(path)
    assert as_image(str(path), name="b").name == "b"
    assert as_image(image).file_grid is image.file_grid
    assert as_image(image, name="c").name == "c"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([[1.0]], "an image cannot be made of list; allowed: tensor, array, Image, path"),
        (np.array([["a"]]), "image holds values of type <U1"),
        (torch.zeros(1, 4, 5, dtype=torch.complex64), "image holds complex values"),
        (Image(torch.zeros(4, 5)), r"data of shape \(4, 5\); allowed: \(C, H, W\)"),
        (Image(torch.zeros(1, 4, 5), label=torch.zeros(4, 4).long()), r"has shape \(4, 5\), its label \(4, 4\)"),
    ],
)
def test_no_image(data: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        as_image(data)
