"""How a model is run: its outputs and inputs, models that cannot run, settings of the caller that must not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ModelError
from torchesegeta.sweeps import Runner

from .networks import Reused, build

EVERY_SWEEP = ["saliency", "gradcam", "smoothgrad", "integrated_gradients"]


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 9, 11, generator=torch.Generator().manual_seed(2))


def values(maps: te.Attributions) -> Tensor:
    (result,) = maps
    assert result.values is not None, result.reason
    return result.values


class Wrapped(nn.Module):
    """A classifier inside another module."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = build(Reused)


class TwoOutputs(Wrapped):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"aux": x.flatten(1)[:, :3], "logits": self.inner(x)}


def test_output_and_activation_are_passed_on(image: Tensor) -> None:
    target = {"kind": "class", "classes": [1], "score": "log_odds"}
    sigmoid = values(te.explain(build(Reused), image, "saliency", target, activation="sigmoid"))
    softmax = values(te.explain(build(Reused), image, "saliency", target))
    assert not torch.allclose(sigmoid, softmax, rtol=0.01)
    picked = te.explain(TwoOutputs(), image, "saliency", target, output="logits", activation="sigmoid")
    assert torch.equal(values(picked), sigmoid)
    with pytest.raises(ModelError, match=r"output must be chosen; there are: aux \(1, 3\) float32; logits"):
        te.explain(TwoOutputs(), image, "saliency", target)


class Conditioned(Wrapped):
    def forward(self, x: Tensor, age: Tensor) -> Tensor:
        logits: Tensor = self.inner(x * age.view(-1, 1, 1, 1))
        return logits


def test_further_inputs_travel_with_the_image(image: Tensor) -> None:
    with_age = te.Image(image, extras=(torch.tensor([0.5]),))
    entry = {"name": "integrated_gradients", "steps": 5}
    found = values(te.explain(Conditioned(), with_age, entry, 1, chunk_size=3))
    torch.testing.assert_close(found, values(te.explain(build(Reused), image / 2, entry, 1)))


class Restless(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(nn.functional.dropout(x, 0.5, training=True))
        return logits


def test_dropout_that_never_rests_repeats(image: Tensor) -> None:
    one, same, other = (values(te.explain(Restless(), image, "saliency", 1, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(x)
        output[:, 0, 0] = float("nan")
        return output


@pytest.mark.parametrize("method", EVERY_SWEEP)
def test_output_that_is_not_finite(method: str, image: Tensor) -> None:
    with pytest.raises(ModelError) as caught:
        te.explain(Broken(), te.Image(image, name="patient_7"), method, 1)
    assert str(caught.value) == "the model returns NaN or infinite values (11 of 297) for 'patient_7'"


@pytest.mark.parametrize("method", EVERY_SWEEP)
def test_wrong_number_of_channels(method: str) -> None:
    with pytest.raises(ModelError) as caught:
        te.explain(build(Reused), torch.ones(3, 9, 11), method, 1)
    said = str(caught.value)
    assert said.startswith("the model refuses an input of shape (1, 3, 9, 11)")
    assert "to have 2 channels, but got 3 channels" in said


class Root(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1).mean(1, keepdim=True) - 0.5).sqrt().expand(-1, 3)


def test_score_that_becomes_nan_on_the_way_is_a_failed_map() -> None:
    maps = te.explain(Root(), torch.ones(2, 9, 11), ["saliency", {"name": "integrated_gradients", "steps": 3}], 1)
    assert {m.method: m.status for m in maps} == {"saliency": "ok", "integrated_gradients": "failed"}
    assert maps["integrated_gradients"].reason == "the score of 'image' is NaN or infinite at a point of the sweep"


@contextmanager
def double_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "setting",
    [lambda: torch.autocast("cpu", dtype=torch.bfloat16), lambda: torch.device("meta"), double_by_default],
    ids=["autocast", "default device", "default dtype"],
)
@pytest.mark.parametrize("target", [{"kind": "threshold"}, {"kind": "region", "class": 1, "box": [[0, 4], [2, 5]]}])
def test_settings_of_the_caller_change_nothing(
    setting: Callable[[], AbstractContextManager[Any]], target: dict[str, Any], image: Tensor
) -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3, padding=1))
    noise = {"name": "layer_gradient_shap", "samples": 3, "baselines": ["noise", "blur", "background"]}
    entries: list[Any] = [
        "gradcam",
        {"name": "vargrad", "samples": 3},
        {"name": "integrated_gradients", "steps": 3},
        noise,
    ]
    plain = te.explain(net, image, entries, target, "0")
    with setting():
        inside = te.explain(net, image, entries, target, "0")
    for mine, other in zip(inside, plain, strict=True):
        assert mine.values is not None and other.values is not None, mine.reason
        largest = float(other.values.abs().max())
        torch.testing.assert_close(mine.values, other.values, rtol=1e-5, atol=1e-5 * largest)


class _Shifting(nn.Module):
    """Adds 1 to its input, in place or not."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place, self.given = in_place, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.given.append(x.data_ptr())
        y = x.add_(1) if self.in_place else x + 1
        return (y**2).flatten(1).sum(1, keepdim=True).expand(-1, 2)


@pytest.mark.parametrize("in_place", [True, False])
def test_points_are_copied_for_models_that_write_into_them(in_place: bool) -> None:
    model = _Shifting(in_place)
    runner = Runner(model, torch.device("cpu"))
    points = [torch.rand(1, 1, 4, 4).requires_grad_(True) for _ in range(3)]
    for point in points:
        before = point.detach().clone()
        (slope,) = torch.autograd.grad(runner.forward(point)[0, 0], point)
        torch.testing.assert_close(slope, 2 * (before + 1))
        torch.testing.assert_close(point.detach(), before)
    shared = [point.data_ptr() in model.given for point in points]
    assert runner.writes_input == in_place and shared == [False, not in_place, not in_place]
