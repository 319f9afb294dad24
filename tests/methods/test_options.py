"""What parameters do, and what the reader of a map is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.methods import methods
from torchesegeta.validation import describe

SIZE = (9, 11)
CAMS = [name for name, method in methods().items() if "upsample" in method.model_fields]


@pytest.fixture(scope="module")
def net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(80, 3))


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(1))


def explained(net: nn.Module, image: Tensor, name: str, **fields: Any) -> te.Attribution:
    maps = te.explain(net, image, [{"name": name, **fields}], 1, ["2"])
    assert maps[0].values is not None, maps[0].reason
    return maps[0]


@pytest.mark.parametrize("name", CAMS)
def test_cam_on_either_grid(name: str, net: nn.Module, image: Tensor) -> None:
    small = explained(net, image, name, upsample=False, relu=False)
    assert small.values is not None and small.values.shape == (1, 4, 5) and small.space == "layer"
    for mode in ("linear", "nearest"):
        large = explained(net, image, name, interpolation=mode, relu=False)
        assert large.values is not None and large.values.shape == (1, *SIZE) and large.space == "image"
        kind = {"linear": "bilinear", "nearest": "nearest-exact"}[mode]
        torch.testing.assert_close(large.values, nn.functional.interpolate(small.values[None], SIZE, mode=kind)[0])
    positive = explained(net, image, name, upsample=False)
    assert positive.values is not None
    assert torch.equal(positive.values, small.values.relu())
    assert small.signed and not positive.signed


@pytest.mark.parametrize(
    ("name", "fields", "signed"),
    [
        ("saliency", {}, False),
        ("saliency", {"absolute": False}, True),
        ("vanilla_backprop", {}, True),
        ("layer_gradcam", {}, True),
        ("layer_gradcam", {"relu": True}, False),
        ("smoothgrad_squared", {"samples": 2}, False),
        ("vargrad", {"samples": 2}, False),
        ("integrated_gradients", {"steps": 2}, True),
    ],
)
def test_sign(name: str, fields: dict[str, Any], signed: bool, net: nn.Module, image: Tensor) -> None:
    found = explained(net, image, name, **fields)
    assert found.signed is signed
    assert found.values is not None and (bool((found.values < 0).any()) is signed)


def test_completeness_gap_is_measured_and_said(net: nn.Module, image: Tensor) -> None:
    fine = explained(net, image, "integrated_gradients", steps=200)
    assert fine.measures["completeness_gap"] < 0.02 and not _about_steps(fine)
    coarse = explained(net, image + 0.5, "integrated_gradients", steps=1, baseline=-2.0)
    gap = coarse.measures["completeness_gap"]
    assert gap > 0.05
    assert _about_steps(coarse) == [f"the map's sum misses the score's change by {gap:.1%}: take more steps than 1"]
    assert explained(net, image, "integrated_gradients", steps=4, multiply_by_inputs=False).measures == {}
    assert explained(net, image, "layer_conductance", steps=100).measures["score_share"] == pytest.approx(1, abs=0.02)


def _about_steps(found: te.Attribution) -> list[str]:
    return [w for w in found.warnings if "more steps" in w]


@pytest.mark.parametrize("name", ["integrated_gradients", "layer_conductance", "internal_influence"])
def test_baseline_that_is_not_the_background_is_said(name: str, net: nn.Module, image: Tensor) -> None:
    (warning,) = explained(net, image + 3, name, steps=50).warnings
    assert "the baseline 0 is not this image's background (3." in warning and "'background' or 'minimum'" in warning
    assert explained(net, image + 3, name, steps=50, baseline="background").warnings == ()


@pytest.mark.parametrize("name", ["gradient_shap", "layer_gradient_shap"])
def test_each_baseline_of_several_is_judged(name: str, net: nn.Module, image: Tensor) -> None:
    warnings = explained(net, image + 3, name, samples=2, baselines=[0, "minimum", 1.5]).warnings
    assert [w[:14] for w in warnings] == ["the baseline 0", "the baseline 1"]


def test_score_that_does_not_change_has_no_gap(image: Tensor) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(99, 2))
    nn.init.zeros_(net.get_parameter("1.weight"))
    result = te.explain(net, image, [{"name": "integrated_gradients", "steps": 3}], 1)[0]
    assert result.status == "ok" and result.measures == {}


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("integrated_gradients", {"steps": 0}, "steps: 0 is not allowed"),
        ("integrated_gradients", {"quadrature": "riemann_trapezoid", "steps": 1}, "trapezoid rule needs steps >= 2"),
        (
            "integrated_gradients",
            {"quadrature": "simpson"},
            "'simpson' is not allowed",
        ),
        ("integrated_gradients", {"baseline": "zeros"}, "'zeros' does not exist; nearest: 'zero'"),
        ("smoothgrad", {"sigma": -0.1}, "sigma: -0.1 is not allowed"),
        ("smoothgrad", {"samples": 2.5}, "samples: 2.5 is not allowed"),
        ("gradient_shap", {"baselines": []}, "at least 1"),
        ("gradcam", {"interpolation": "cubic"}, "'cubic' is not allowed"),
        ("gradcam", {"layer": ["a"]}, "field 'layer' does not exist; nearest: 'layers'"),
        ("saliency", {"absolut": True}, "field 'absolut' does not exist; nearest: 'absolute'"),
        ("vargrad", {"samples": 0}, "samples: 0 is not allowed"),
    ],
)
def test_parameters_out_of_bounds(name: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        methods()[name].model_validate(fields)
    assert message in describe(caught.value)


def test_grad_cam_plus_plus_denominators(net: nn.Module, image: Tensor) -> None:
    paper, other, soft = (
        explained(net, image, "gradcam_plus_plus", relu=False, **fields).values
        for fields in ({}, {"denominator": "torch_cam"}, {"epsilon": 0.5})
    )
    assert paper is not None and other is not None and soft is not None
    assert not torch.allclose(paper, other) and not torch.allclose(paper, soft)
