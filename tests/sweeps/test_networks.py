"""Unmodified models: every record and every gradient equals plain autograd on an out-of-place twin."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te

from .networks import NETWORKS, InPlaceModule, Network, Reused, TupleLayer, build

CLASS = 2
METHODS = ["vanilla_backprop", "layer_activation", "layer_gradient_x_activation", "linear_approximation"]
STEPS = {"steps": 5}


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 9, 11, generator=torch.Generator().manual_seed(2))


def plain(net: Network, image: Tensor) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
    """Gradient at the image, and each layer's output with its gradient, without a batch axis."""
    point = image[None].clone().requires_grad_(True)
    logits, outputs = net.plain(point)
    slopes = torch.autograd.grad(logits[0, CLASS], [point, *outputs.values()])
    layers = {name: (a.detach()[0], g[0]) for (name, a), g in zip(outputs.items(), slopes[1:], strict=True)}
    return slopes[0][0], layers


def check(net: Network, image: Tensor) -> None:
    slope, layers = plain(net, image)
    maps = te.explain(net, image, METHODS, CLASS, list(layers), output=net.output)
    assert_equal(maps["vanilla_backprop"].values, slope)
    for name, (a, g) in layers.items():
        assert_equal(maps.select("layer_activation", layer=name).values, a)
        assert_equal(maps.select("layer_gradient_x_activation", layer=name).values, a * g)
        if a.ndim == 3:
            assert_equal(maps.select("linear_approximation", layer=name).values, (a * g).sum(0, keepdim=True))


def assert_equal(mine: Tensor | None, other: Tensor) -> None:
    assert mine is not None
    assert float(other.abs().max()) > 0
    torch.testing.assert_close(mine, other.float(), rtol=1e-5, atol=1e-6 * float(other.abs().max()))


@pytest.mark.parametrize("kind", NETWORKS)
def test_single_pass(kind: type[Network], image: Tensor) -> None:
    check(build(kind), image)


@pytest.mark.parametrize("kind", NETWORKS)
def test_path(kind: type[Network], image: Tensor) -> None:
    """Integrated gradients and internal influence by hand, over the same nodes."""
    net = build(kind)
    _, layers = plain(net, image)
    names = list(layers)
    asked = [{"name": "integrated_gradients", **STEPS}, {"name": "internal_influence", "layers": names, **STEPS}]
    maps = te.explain(net, image, asked, CLASS, output=net.output, chunk_size=3)
    nodes, weights = (torch.tensor(v) for v in _legendre(STEPS["steps"]))
    points = [plain(net, float(node) * image) for node in nodes]
    mean = sum(w * slope for w, (slope, _) in zip(weights, points, strict=True))
    assert_equal(maps["integrated_gradients"].values, torch.as_tensor(mean * image))
    for name in names:
        mean = sum(w * at[name][1] for w, (_, at) in zip(weights, points, strict=True))
        assert_equal(maps.select("internal_influence", layer=name).values, torch.as_tensor(mean))


def _legendre(steps: int) -> tuple[Any, Any]:
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2


@pytest.mark.parametrize("kind", NETWORKS)
def test_frozen_parameters(kind: type[Network], image: Tensor) -> None:
    net = build(kind).requires_grad_(False)
    check(net, image)
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("kind", NETWORKS)
def test_double_precision(kind: type[Network], image: Tensor) -> None:
    net = build(kind).double()
    slope, _ = plain(net, image.double())
    maps = te.explain(net, image, ["vanilla_backprop"], CLASS, output=net.output)
    assert maps[0].values is not None and maps[0].values.dtype == torch.float32
    assert_equal(maps[0].values, slope)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    """Scores and sums over points are float32: here the score is far beyond what float16 holds."""

    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)
            nn.init.constant_(self.conv.weight, 8)

        def forward(self, x: Tensor) -> Tensor:
            voxels: Tensor = self.conv(x) * 512
            return voxels

    net, picture = Bright(), torch.ones(1, 12, 13)
    methods: list[Any] = [
        {"name": "integrated_gradients", "steps": 3},
        {"name": "vargrad", "samples": 3},
        "vanilla_backprop",
    ]
    target = {"kind": "region", "class": 1, "box": [[0, 12], [0, 13]]}
    for whole, narrow in zip(
        te.explain(net, picture, methods, target), te.explain(net.to(dtype), picture, methods, target), strict=True
    ):
        assert whole.values is not None and narrow.values is not None
        torch.testing.assert_close(narrow.values, whole.values, rtol=0.02, atol=0.0)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, nullcontext])
def test_mode_of_the_caller(mode: Callable[[], AbstractContextManager[Any]], image: Tensor) -> None:
    net = build(Reused)
    slope, _ = plain(net, image)
    with mode():
        grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        maps = te.explain(net, image * 1.0, ["vanilla_backprop", {"name": "smoothgrad", "samples": 2}], CLASS)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (grad, inference)
    assert_equal(maps["vanilla_backprop"].values, slope)


def test_compiled_model_is_unwrapped(image: Tensor) -> None:
    class Compiled(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self._orig_mod = inner

    net = build(InPlaceModule)
    wrapped = te.explain(Compiled(net), image, ["gradcam"], CLASS, ["first"])
    plainly = te.explain(net, image, ["gradcam"], CLASS, ["first"])
    assert_equal(wrapped[0].values, torch.as_tensor(plainly[0].values))


def test_batch_norm_without_statistics_sees_one_point_at_a_time(image: Tensor) -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), nn.Flatten(), nn.Linear(252, 3)
    )
    entry = {"name": "smoothgrad", "samples": 4}
    one, eight = (te.explain(net, image, [entry], 1, chunk_size=size)[0].values for size in (1, 8))
    assert one is not None and eight is not None
    assert torch.equal(one, eight)


def test_buffers_that_a_model_replaces_come_back(image: Tensor) -> None:
    class Counts(nn.Module):
        seen: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.inner = build(Reused)
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.seen = self.seen + len(x)
            torch.as_tensor(self.inner.norm.running_mean).add_(1)
            logits: Tensor = self.inner(x)
            return logits

    net = Counts()
    seen, mean = net.seen, torch.as_tensor(net.inner.norm.running_mean).clone()
    te.explain(net, image, ["saliency"], 1)
    assert net.seen is seen and float(seen) == 0
    assert torch.equal(torch.as_tensor(net.inner.norm.running_mean), mean)


def incompatible(net: nn.Module, image: Tensor, layer: str, method: str = "layer_gradcam", **options: Any) -> str:
    """The reason why there is no map at a layer; a map of the image is there all the same."""
    maps = te.explain(net, image, ["saliency", method], 1, [layer], **options)
    assert maps["saliency"].status == "ok"
    assert maps[method].status == "incompatible"
    return str(maps[method].reason)


def test_layer_that_is_called_twice(image: Tensor) -> None:
    reason = incompatible(build(Reused), image, "act")
    assert reason == "layer 'act' is called 2 times in a pass; name the call: act#0, act#1"
    assert "only 2 calls" in incompatible(build(Reused), image, "act#2")


def test_layer_that_is_not_called(image: Tensor) -> None:
    assert incompatible(build(Reused), image, "norm") == "layer 'norm' is not called in a forward pass"


def test_layer_with_several_outputs(image: Tensor) -> None:
    net = build(TupleLayer)
    assert "puts out 2 values; name one: split:0, split:1" in incompatible(net, image, "split", output="logits")
    assert "puts out 2 values, counted from 0" in incompatible(net, image, "split:2", output="logits")
    assert "puts out one value" in incompatible(net, image, "first:1", output="logits")


class Sidetracked(Network):
    """A layer that the score does not depend on, one that the image does not reach, and one of whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = nn.Identity()
        self.constant = nn.Linear(1, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        self.second(x)
        self.whole(x > 0)
        logits: Tensor = self.classify(x) + self.constant(x.new_ones(1)).sum()
        return logits

    def plain(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        raise AssertionError("not asked for")


def test_layer_outside_the_graph_of_the_score(image: Tensor) -> None:
    net = build(Sidetracked)
    assert incompatible(net, image, "second") == "the score does not depend on layer 'second'"
    assert incompatible(net, image, "whole") == "layer 'whole' puts out Tensor, not a floating point tensor"
    frozen = build(Sidetracked).requires_grad_(False)
    assert incompatible(frozen, image, "constant") == "layer 'constant' does not depend on the image"
    path = incompatible(net, image, "second", "layer_conductance")
    assert path == "the score does not depend on layer 'second'"


def test_map_that_needs_space_refuses_a_flat_layer(image: Tensor) -> None:
    reason = incompatible(build(Reused), image, "head")
    assert reason.startswith(
        "layer 'head' puts out (1, 3); a class activation map needs (batch, channels) and 2 spatial"
    )


class ChangesView(Network):
    """A layer puts out a view that the model then changes in place."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flat(self.first(x))
        x.relu_()
        logits: Tensor = self.head(x.square().mean(2))
        return logits

    def plain(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        raise AssertionError("not asked for")


def test_view_that_is_changed_in_place_is_refused(image: Tensor) -> None:
    reason = incompatible(build(ChangesView), image, "flat", "layer_gradient_x_activation")
    assert reason == "layer 'flat' puts out a view that the model then changes in place"


def test_model_without_gradients_is_refused(image: Tensor) -> None:
    class Deployed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = build(Reused)

        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.inner(x)
            return logits

    maps = te.explain(Deployed(), image, ["saliency", "layer_activation"], 1, ["inner.first"])
    assert maps["saliency"].status == "incompatible" and "torch.no_grad()" in str(maps["saliency"].reason)
    assert maps["layer_activation"].status == "ok"


def test_model_without_a_backward_pass_is_told_so(image: Tensor, caplog: pytest.LogCaptureFixture) -> None:
    class Overwrites(InPlaceModule):
        def forward(self, x: Tensor) -> Tensor:
            return self.classify(self.first(x).exp().mul_(2))

    maps = te.explain(build(Overwrites), image, ["saliency", "layer_activation"], 1, ["first"])
    assert maps["saliency"].status == "failed"
    assert "the model has no backward pass: one of the variables needed" in str(maps["saliency"].reason)
    assert maps["layer_activation"].status == "ok"
    assert not caplog.records, "no traceback for a mistake of the user's"
