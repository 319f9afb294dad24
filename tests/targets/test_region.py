from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.errors import ConfigError, IncompatibleError, InputError
from torchesegeta.inputs import read_image
from torchesegeta.targets import BoundTarget, OutputInfo, parse_target
from torchesegeta.targets.region import RegionTarget
from torchesegeta.types import Image

NAMES = OutputInfo(class_names=("air", "white", "lesion"))


def bind(output: Tensor, image: Image, **fields: Any) -> BoundTarget:
    return parse_target({"kind": "region", **fields}).bind(output, image, NAMES)


def assert_scores(bound: BoundTarget, raw: Tensor, inside: Tensor, index: int = 1) -> None:
    expected = torch.stack([one[index][inside].sum() for one in raw])
    torch.testing.assert_close(bound.score(raw)[:, 0], expected)


@pytest.mark.parametrize("form", ["bool", "float", "numpy"])
def test_mask_from_python(form: str, output: Tensor, others: Tensor, image: Image) -> None:
    inside = torch.rand(image.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    mask: Any = {"bool": inside, "float": inside * 3.0, "numpy": inside.numpy().astype(np.uint8)}[form]
    bound = bind(output, image, **{"class": 1, "mask": mask})
    assert_scores(bound, others, inside)
    assert bound.indices == (1,) and bound.names == ("white",) and bound.linear


def test_box_and_voxel(output: Tensor, others: Tensor, image: Image) -> None:
    inside = torch.zeros(image.shape, dtype=torch.bool)
    inside[1:3, 4:9, 0:1] = True
    assert_scores(bind(output, image, **{"class": "white", "box": [[1, 3], [4, 9], [0, 1]]}), others, inside)
    inside[:] = False
    inside[7, 8, 9] = True
    assert_scores(bind(output, image, **{"class": ["lesion"], "voxel": [7, 8, 9]}), others, inside, 2)


def test_mean_of_several_classes(output: Tensor, others: Tensor, image: Image) -> None:
    bound = bind(output, image, **{"class": [0, 2], "box": [[0, 2]] * 3, "reduce": "mean", "score": "probability"})
    p = others.softmax(1)[:, [0, 2], :2, :2, :2].flatten(2).mean(2)
    torch.testing.assert_close(bound.score(others), p)
    assert not bound.linear


@pytest.fixture
def two_lesions(output: Tensor) -> Tensor:
    """Class 2 is predicted in a box of 12 voxels, and in one of 8 that touches it at no face."""
    output = output.clamp(-1, 1)
    output[:, 2] = -10
    output[:, 2, 1:3, 1:3, 1:4] = 10
    output[:, 2, 5:7, 5:7, 5:7] = 10
    output[:, 1, 0, 0, 0] = 20
    return output


@pytest.mark.parametrize(
    ("component", "box"),
    [
        ("largest", np.s_[1:3, 1:3, 1:4]),
        ([2, 2, 3], np.s_[1:3, 1:3, 1:4]),
        ([5, 6, 5], np.s_[5:7, 5:7, 5:7]),
    ],
)
def test_component(component: Any, box: Any, two_lesions: Tensor, others: Tensor, image: Image) -> None:
    inside = torch.zeros(image.shape, dtype=torch.bool)
    inside[box] = True
    assert_scores(bind(two_lesions, image, **{"class": "lesion", "component": component}), others, inside, 2)


def test_component_that_is_not_there_costs_its_class_only(two_lesions: Tensor, image: Image) -> None:
    bound = bind(two_lesions, image, **{"class": ["white", "lesion"], "component": [5, 6, 5]})
    assert bound.names == ("white", "lesion")
    assert bound.incompatible == {"white": "target.component [5, 6, 5] is not predicted as class 'white'"}
    two_lesions[:, 2] = -100
    bound = bind(two_lesions, image, **{"class": ["white", "lesion"], "component": "largest"})
    assert bound.incompatible == {"lesion": "class 'lesion' is predicted nowhere in this image: it has no component"}
    assert float(bound.score(two_lesions)[0, 1]) == 0


def test_empty_mask(output: Tensor, image: Image) -> None:
    bound = bind(output, image, **{"class": 1, "mask": torch.zeros(image.shape)})
    assert bound.incompatible == {"white": "the region is empty"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Tensor]:
    """An image, a mask on its grid, and the voxels the mask marks."""
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    inside = np.zeros((8, 9, 10), dtype=np.uint8)
    inside[2:5, 1:4, 6] = 3
    data = np.random.default_rng(0).normal(size=inside.shape).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "image.nii.gz")
    nibabel.save(nibabel.Nifti1Image(inside, affine), tmp_path / "lesion.nii.gz")
    return tmp_path / "image.nii.gz", tmp_path / "lesion.nii.gz", torch.from_numpy(inside > 0)


def test_mask_file(files: tuple[Path, Path, Tensor], output: Tensor, others: Tensor) -> None:
    path, mask, inside = files
    assert_scores(bind(output, read_image(path), **{"class": 1, "mask": str(mask)}), others, inside)


def test_mask_file_on_another_grid(files: tuple[Path, Path, Tensor], output: Tensor, tmp_path: Path) -> None:
    path, _, inside = files
    moved = nibabel.Nifti1Image(inside.numpy().astype(np.uint8), np.diag([2.0, 2.0, 4.0, 1.0]))
    nibabel.save(moved, tmp_path / "moved.nii.gz")
    with pytest.raises(InputError, match="different affines"):
        bind(output, read_image(path), **{"class": 1, "mask": tmp_path / "moved.nii.gz"})
    with pytest.raises(InputError, match=r"none\.nii\.gz"):
        bind(output, read_image(path), **{"class": 1, "mask": tmp_path / "none.nii.gz"})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"box": [[0, 2], [0, 2]]}, "target.region has 2 axes; the image has 3"),
        ({"box": [[0, 2], [0, 2], [5, 11]]}, "target.region [5, 11) is outside axis 2, which has 10 voxels"),
        ({"box": [[2, 2], [0, 2], [0, 2]]}, "target.region [2, 2) is outside axis 0"),
        ({"voxel": [0, 0, -1]}, "target.region [-1, 0) is outside axis 2"),
        ({"mask": torch.ones(8, 9)}, "target.mask has shape (8, 9); the image has (8, 9, 10)"),
        ({"component": [8, 0, 0]}, "target.component [8, 0, 0] is outside the image (8, 9, 10)"),
        ({"component": [1, 1]}, "target.component [1, 1] is outside the image"),
    ],
)
def test_regions_that_do_not_fit(fields: dict[str, Any], message: str, output: Tensor, image: Image) -> None:
    with pytest.raises(IncompatibleError) as caught:
        bind(output, image, **{"class": 1, **fields})
    assert message in str(caught.value)


def test_output_that_does_not_fit(output: Tensor, logits: Tensor, image: Image) -> None:
    fields: dict[str, Any] = {"class": 1, "voxel": [0, 0, 0]}
    with pytest.raises(IncompatibleError, match="needs a segmentation"):
        bind(logits, image, **fields)
    with pytest.raises(IncompatibleError, match=r"spatial shape \(4, 9, 10\) is not the image's \(8, 9, 10\)"):
        bind(output[:, :, ::2], image, **fields)
    with pytest.raises(ConfigError, match="nearest: 'lesion'"):
        bind(output, image, **{**fields, "class": "lesions"})


def test_classes_share_the_region_of_a_mask_and_its_memory(output: Tensor, others: Tensor, image: Image) -> None:
    inside = torch.rand(image.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    target = parse_target({"kind": "region", "class": [0, 2], "mask": inside})
    assert isinstance(target, RegionTarget) and isinstance(target.mask, ArrayValue)
    where = target._regions(output, image, NAMES, [0, 2])
    assert where.shape == (1, 2, *image.shape)
    assert where.untyped_storage().data_ptr() == target.mask.tensor.untyped_storage().data_ptr()
    inside &= False  # the caller's mask, of which the target keeps a copy
    kept = target.mask.tensor
    expected = torch.stack([(others[:, k] * kept).flatten(1).sum(1) for k in (0, 2)], 1)
    torch.testing.assert_close(target.bind(output, image, NAMES).score(others), expected)
    assert kept.any()
