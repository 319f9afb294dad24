from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.baselines import ZERO, Baseline, BaselineField, BaselinesField, baseline_warning, border_median
from torchesegeta.errors import IncompatibleError, InputError
from torchesegeta.validation import describe

SIZES = [(9, 11), (8, 9, 10)]


class Holder(BaseModel):
    model_config = ConfigDict(frozen=True)
    one: BaselineField
    several: BaselinesField = (ZERO,)


def parsed(value: Any) -> Baseline:
    return Holder(one=value).one


@pytest.fixture(params=SIZES, ids=["2D", "3D"])
def image(request: pytest.FixtureRequest) -> Tensor:
    """Two channels of different range, with a bright object on a background of 0.5 and -2."""
    size = request.param
    data = torch.rand(2, *size, generator=torch.Generator().manual_seed(0)) * 0.01
    data[0] += 0.5
    data[1] -= 2
    data[(slice(None), *(slice(3, 6) for _ in size))] += 5
    return data


@pytest.mark.parametrize("value", [0, 1.5, -3])
def test_constant(value: float, image: Tensor) -> None:
    found = parsed(value).resolve(image)
    assert found.shape == image.shape and found.dtype == image.dtype
    assert torch.equal(found, torch.full_like(image, value))


def test_names(image: Tensor) -> None:
    flat = image.flatten(1)
    expected = {"zero": torch.zeros(2), "minimum": flat.min(1).values, "mean": flat.mean(1)}
    for name, values in expected.items():
        found = parsed(name).resolve(image)
        assert torch.equal(found, values.view(2, *[1] * (image.ndim - 1)).expand_as(image))


def test_background_is_the_median_of_the_border(image: Tensor) -> None:
    border = np.ones(image.shape[1:], dtype=bool)
    border[(slice(1, -1),) * (image.ndim - 1)] = False
    expected = torch.stack([channel[torch.from_numpy(border)].median() for channel in image])
    assert torch.equal(border_median(image), expected)
    found = parsed("background").resolve(image)
    assert torch.equal(found.flatten(1)[:, 0], expected)
    assert torch.allclose(expected, torch.tensor([0.505, -1.995]), atol=0.005)


def test_blur_keeps_the_mean_and_loses_the_detail(image: Tensor) -> None:
    weak, strong = parsed({"kind": "blur", "sigma": 1.0}).resolve(image), parsed("blur").resolve(image)
    assert weak.shape == image.shape and weak.dtype == image.dtype
    for channel, before in zip(weak, image, strict=True):
        assert float(channel.std()) < 0.8 * float(before.std())
    assert bool((strong.flatten(1).std(1) < weak.flatten(1).std(1)).all())
    assert float((weak[0] - weak[1] - 2.5).abs().max()) < 0.02, "channels do not mix"


def test_noise_repeats_and_follows_its_key(image: Tensor) -> None:
    noise = parsed({"kind": "noise", "sigma": 0.2})
    found = noise.resolve(image, seed="a")
    assert torch.equal(found, noise.resolve(image, seed="a"))
    assert not torch.equal(found, noise.resolve(image, seed="b"))
    span = image.flatten(1).amax(1) - image.flatten(1).amin(1)
    assert torch.allclose(found.flatten(1).std(1), 0.2 * span, rtol=0.2)


def test_array(image: Tensor) -> None:
    mine = torch.randn_like(image)
    assert torch.equal(parsed(mine).resolve(image), mine)
    assert torch.equal(parsed(mine.numpy()).resolve(image), mine)
    per_channel = torch.tensor([1.0, 2.0]).view(2, *[1] * (image.ndim - 1))
    assert torch.equal(parsed(per_channel).resolve(image), per_channel.expand_as(image))
    with pytest.raises(IncompatibleError, match=r"baseline of shape \(2, 3\) does not fit the image's"):
        parsed(torch.zeros(2, 3)).resolve(image)


def test_resolving_gives_the_image_s_dtype_and_a_copy_of_an_array(image: Tensor) -> None:
    mine = torch.zeros_like(image)
    for value in (0, "zero", "minimum", "mean", "background", "blur", "noise", mine):
        assert parsed(value).resolve(image.double()).dtype == torch.float64
    parsed(mine).resolve(image).add_(1)
    assert float(mine.abs().max()) == 0


def test_a_constant_takes_no_memory(image: Tensor) -> None:
    for value in (0.5, "zero", "minimum", "mean", "background"):
        found = parsed(value).resolve(image)
        assert found.shape == image.shape
        assert found.untyped_storage().size() <= len(image) * image.element_size()


def test_file(tmp_path: Path) -> None:
    image = torch.zeros(1, 8, 9, 10)
    stored = np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), tmp_path / "healthy.nii.gz")
    baseline = parsed({"path": str(tmp_path / "healthy.nii.gz")})
    assert np.array_equal(baseline.resolve(image)[0].numpy(), stored)
    with pytest.raises(IncompatibleError, match="does not fit"):
        baseline.resolve(torch.zeros(1, 4, 4, 4))
    with pytest.raises(InputError, match=r"missing\.nii\.gz"):
        parsed({"path": tmp_path / "missing.nii.gz"}).resolve(image)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "zeros",
            "baseline 'zeros' does not exist; nearest: 'zero'; allowed: background, blur, mean, minimum, noise, zero",
        ),
        ("image", "baseline 'image' does not exist"),
        (True, "expected a number, a name or an image, got a boolean"),
        ({"kind": "blur", "sigma": 0}, "sigma: 0 is not allowed"),
        ({"kind": "blur", "sigmas": 2}, "field 'sigmas' does not exist; nearest: 'sigma'"),
        ({"kind": "black"}, "'black' is not allowed"),
        ({"kind": "image"}, "a baseline of kind 'image' needs the field 'path'"),
        ({"kind": "array"}, "a baseline of kind 'array' needs the field 'array'"),
        ({"kind": "constant"}, "a baseline of kind 'constant' needs the field 'value'"),
        ({"kind": "zero", "value": 3}, "a baseline of kind 'zero' has no field 'value'"),
        ({"kind": "mean", "sigma": 2}, "a baseline of kind 'mean' has no field 'sigma'"),
        (None, "is not allowed"),
    ],
)
def test_what_cannot_be(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(value)
    assert message in describe(caught.value)


@pytest.mark.parametrize(
    ("value", "count"),
    [("zero", 1), (["zero", 1, "blur"], 3), (torch.zeros(4, 2, 3, 3), 4), (np.zeros((2, 1, 1, 1)), 2)],
)
def test_several(value: Any, count: int) -> None:
    several = Holder(one=0, several=value).several
    assert len(several) == count and all(isinstance(b, Baseline) for b in several)


@pytest.mark.parametrize(
    "value", [0, -1.5, "zero", "noise", {"kind": "blur", "sigma": 2.0}, {"path": "a.nii.gz"}, torch.ones(2, 3, 3)]
)
def test_baselines_are_values(value: Any) -> None:
    one, same = parsed(value), parsed(value.clone() if isinstance(value, Tensor) else value)
    assert one == same and hash(one) == hash(same) and repr(one) == repr(same)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != parsed(7)
    if not isinstance(value, Tensor):
        assert Holder.model_validate_json(Holder(one=one).model_dump_json()).one == one


def test_warning_where_zero_is_not_nothing(image: Tensor) -> None:
    for baseline in ("zero", 0, 0.5):
        warning = baseline_warning(parsed(baseline), image)
        assert warning is not None and "is not this image's background (0.50" in warning
    for baseline in ("minimum", "background", "blur", "mean"):
        assert baseline_warning(parsed(baseline), image) is None
    dark = torch.zeros_like(image)
    dark[(slice(None), *(slice(3, 6) for _ in image.shape[1:]))] = 1
    assert baseline_warning(parsed("zero"), dark) is None
    assert baseline_warning(parsed("zero"), torch.full_like(image, 3)) is None, "a constant image has no background"


def test_arrays_compare_by_content() -> None:
    values = torch.arange(6.0).view(2, 3)
    one, same = ArrayValue(values), ArrayValue(values.clone())
    assert one == same and hash(one) == hash(same) and len({one, same}) == 1
    for other in (values + 1, values.double(), values.view(3, 2)):
        assert one != ArrayValue(other)
    values.add_(1)
    assert one == same and torch.equal(one.tensor, values - 1), "it keeps a copy"
    assert repr(one).startswith("array (2, 3) sha256:")
    with pytest.raises(ValueError, match="expected a tensor or array, got list"):
        ArrayValue.parse([1, 2])
