"""Patch by patch: equal to the complete sliding-window computation in one graph, whatever the target and the method."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch
from monai.inferers import sliding_window_inference
from torch import Tensor, nn
from torch.nn import functional

import torchesegeta as te
from tests.references.sliding_window import SlidingWindow, starts
from torchesegeta.errors import ConfigError, ModelError
from torchesegeta.patches import Patches
from torchesegeta.sweeps import Path, Runner, Session, prepared
from torchesegeta.targets import parse_target
from torchesegeta.types import Image

SIZES: dict[int, tuple[int, ...]] = {2: (8, 7), 3: (6, 5, 4)}
SHAPES: dict[int, tuple[int, ...]] = {2: (17, 13), 3: (9, 8, 7)}
LOGITS: dict[str, Any] = {"kind": "multiclass"}
PROBABILITIES: dict[str, Any] = {"kind": "multiclass", "score": "probability", "reduce": "mean"}
MOVING: dict[str, Any] = {"kind": "multiclass", "frozen": False}
THRESHOLD: dict[str, Any] = {"kind": "threshold"}
MISSED: dict[str, Any] = {"kind": "error", "error": "false_negative"}
DICE: dict[str, Any] = {"kind": "error", "error": "dice"}
REGION: dict[str, Any] = {"kind": "region", "class": 1, "box": [[0, 9], [3, 9]]}
TOLERANCE = 1e-5


class Net(nn.Module):
    """A segmentation whose instance norm looks at the whole patch: on the whole image it is another function."""

    def __init__(self, dims: int = 2, *, norm: bool = True) -> None:
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        instance = nn.InstanceNorm2d if dims == 2 else nn.InstanceNorm3d
        self.first, self.norm = conv(1, 4, 3, padding=1), instance(4) if norm else nn.Identity()
        self.act, self.second, self.head = nn.ReLU(inplace=True), conv(4, 4, 3, padding=1), conv(4, 3, 1)
        self.last = nn.ReLU(inplace=True)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.act(self.norm(self.first(image)))
        hidden = self.last(self.second(hidden) + hidden)
        output: Tensor = self.head(hidden)
        return output


def net(dims: int = 2, *, norm: bool = True) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Net(dims, norm=norm).eval()


def image(shape: Sequence[int]) -> Tensor:
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(len(shape)))


def both(
    model: nn.Module, data: Tensor | Image, methods: list[Any], target: Any, cut: dict[str, Any], **options: Any
) -> tuple[te.Attributions, te.Attributions]:
    """The maps patch by patch, and those of the sliding window as a model of its own."""
    whole = SlidingWindow(model, cut["size"], cut.get("overlap", 0.25), cut.get("blend", "constant"))
    return te.explain(model, data, methods, target, patches=cut, **options), te.explain(whole, data, methods, target)


def check(mine: te.Attributions, theirs: te.Attributions, tolerance: float = TOLERANCE) -> None:
    assert len(mine) == len(theirs) > 0
    for one, other in zip(mine, theirs, strict=True):
        assert one.values is not None, one.reason
        assert other.values is not None, other.reason
        assert (one.label, one.target) == (other.label, other.target)
        scale = float(other.values.abs().max())
        assert scale > 0
        torch.testing.assert_close(one.values, other.values, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("blend", ["constant", "gaussian"])
@pytest.mark.parametrize(("shape", "size"), [((17, 13), (8, 7)), ((9, 8, 7), (6, 5, 4)), ((5, 13), (8, 7))])
def test_the_prediction_is_monais(shape: tuple[int, ...], size: tuple[int, ...], blend: str, overlap: float) -> None:
    data, model = image(shape), net(len(shape))
    with prepared(model, torch.device("cpu"), 0) as ready, torch.no_grad():
        cut = Patches.model_validate({"size": size, "overlap": overlap, "blend": blend})
        session = Session(Runner(ready, torch.device("cpu")), Image(data), parse_target(LOGITS), patches=cut)
        mine = session.runner.forward(data[None])
        theirs = sliding_window_inference(data[None], size, 2, model, overlap, blend)
        plain = SlidingWindow(model, size, overlap, blend)(data[None])
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(plain, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "target", [LOGITS, PROBABILITIES, MOVING, THRESHOLD], ids=["linear", "softmax", "moving", "otsu"]
)
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("blend", ["constant", "gaussian"])
@pytest.mark.parametrize("dims", [2, 3])
def test_gradients(dims: int, blend: str, overlap: float, target: Any) -> None:
    cut = {"size": SIZES[dims], "overlap": overlap, "blend": blend}
    check(*both(net(dims), image(SHAPES[dims]), ["vanilla_backprop", "saliency"], target, cut))


@pytest.mark.parametrize("target", [MISSED, {**MISSED, "frozen": False}, DICE], ids=["linear", "moving", "soft dice"])
@pytest.mark.parametrize("dims", [2, 3])
def test_gradients_against_a_label(dims: int, target: Any) -> None:
    cut = {"size": SIZES[dims], "overlap": 0.5, "blend": "gaussian"}
    label = torch.randint(3, SHAPES[dims], generator=torch.Generator().manual_seed(8))
    labelled = Image(image(SHAPES[dims]), label=label)
    methods = ["vanilla_backprop", {"name": "integrated_gradients", "steps": 3}]
    check(*both(net(dims), labelled, methods, target, cut))
    masks = [{"name": "occlusion", "window": 4}]  # differences of a Dice, which are a hundred times smaller than it
    check(*both(net(dims), labelled, masks, target, cut), tolerance=1e-4)


def test_images_smaller_than_a_patch() -> None:
    for shape in ((5, 13), (5, 6), (8, 7)):
        check(*both(net(), image(shape), ["vanilla_backprop"], LOGITS, {"size": (8, 7), "overlap": 0.5}))
        check(*both(net(), image(shape), ["vanilla_backprop"], PROBABILITIES, {"size": (8, 7)}))


SAMPLED: list[dict[str, Any]] = [
    {"name": "integrated_gradients", "steps": 4, "baseline": 0.2},
    {"name": "blur_integrated_gradients", "steps": 3},
    {"name": "guided_integrated_gradients", "steps": 3},
    {"name": "smoothgrad", "samples": 3},
    {"name": "vargrad", "samples": 3},
    {"name": "smoothgrad_squared", "samples": 3},
    {"name": "gradient_shap", "samples": 3, "baselines": ["minimum", "blur"]},
    {"name": "expected_gradients", "samples": 3, "baselines": ["minimum", "blur"]},
    {"name": "input_x_gradient"},
    {"name": "grad_times_image"},
]


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
@pytest.mark.parametrize("method", SAMPLED, ids=lambda method: method["name"])
def test_paths_and_noise(method: dict[str, Any], target: Any) -> None:
    mine, theirs = both(
        net(), image(SHAPES[2]), [method], target, {"size": SIZES[2], "overlap": 0.5, "blend": "gaussian"}
    )
    check(mine, theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert one.measures.keys() == other.measures.keys()
        for name, value in one.measures.items():
            assert value == pytest.approx(other.measures[name], rel=1e-3, abs=1e-5), name


RULES: list[dict[str, Any]] = [
    {"name": "guided_backprop"},
    {"name": "deconvolution"},
    {"name": "smoothgrad", "samples": 2, "of": "guided"},
    {"name": "deeplift", "baseline": 0.2},
    {"name": "deeplift", "baseline": 0.2, "rule": "reveal_cancel"},
    {"name": "deeplift_shap", "baselines": [0.2, "blur"]},
    {"name": "lrp"},
]


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
@pytest.mark.parametrize("method", RULES, ids=lambda method: method["name"])
def test_rules(method: dict[str, Any], target: Any) -> None:
    cut = {"size": SIZES[2], "overlap": 0.5, "blend": "gaussian"}
    mine, theirs = both(net(norm=False), image(SHAPES[2]), [method], target, cut)
    if target is PROBABILITIES and (method["name"] == "lrp" or "rule" in method):
        for one, other in zip(mine, theirs, strict=True):
            assert (one.status, one.reason) == (other.status, other.reason) == ("incompatible", one.reason)
        return
    check(mine, theirs, 1e-4 if method["name"] == "lrp" else TOLERANCE)
    for one, other in zip(mine, theirs, strict=True):
        assert one.matched["relu"] == other.matched["relu"] > 0
        for name, value in one.measures.items():
            assert value == pytest.approx(other.measures[name], rel=1e-2, abs=1e-3), name


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_excitation_adds_up_to_one(overlap: float) -> None:
    method = {"name": "excitation_backprop", "layers": [], "lost": "keep"}
    mine, theirs = both(net(norm=False), image((16, 14)), [method], LOGITS, {"size": (8, 7), "overlap": overlap})
    for one in mine:
        assert one.values is not None and float(one.values.sum()) == pytest.approx(1, abs=1e-4)
        assert one.measures["mass"] == pytest.approx(1, abs=1e-4)
    if overlap == 0:  # patches that do not overlap compete for no winners
        check(mine, theirs)


def blended(model: Net, data: Tensor, size: tuple[int, int], blend: str, score: Any, make: Any) -> Tensor:
    """Maps of the layer `act` of each patch, made of its activation and gradient, blended on the image's grid."""
    window = SlidingWindow(model, size, 0.5, blend)
    places = [starts(n, s, 0.5) for n, s in zip(data.shape[1:], size, strict=True)]
    boxes = [tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True)) for corner in product(*places)]
    total = torch.zeros(data.shape[1:])
    for box in boxes:
        total[box] += window.importance
    output = window(data[None]).detach().requires_grad_()
    (cotangent,) = torch.autograd.grad(score(output), output)
    found = torch.zeros(1, *data.shape[1:])
    for box in boxes:
        weights = window.importance / total[box]
        hidden = model.act(model.norm(model.first(data[(slice(None), *box)][None]))).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(
            model.head(functional.relu(model.second(hidden) + hidden)), hidden, cotangent[(..., *box)]
        )
        found[(slice(None), *box)] += make(hidden, gradient)[0].detach() * weights
    return found


def cam(a: Tensor, g: Tensor) -> Tensor:
    """Grad-CAM."""
    return (g.mean((2, 3), keepdim=True) * a).sum(1, keepdim=True).relu()


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_layers_are_blended(score: str) -> None:
    model, data, size = net(), image(SHAPES[2]), (8, 7)
    with torch.no_grad():
        predicted = SlidingWindow(model, size, 0.5, "gaussian")(data[None]).argmax(1)
    cut = {"size": size, "overlap": 0.5, "blend": "gaussian"}
    target = {"kind": "multiclass", "score": score}
    asked = ["gradcam", "saliency", "layer_activation", "layer_gradcam"]
    maps = te.explain(model, data, asked, target, layers=["act"], patches=cut)
    for one in (m for m in maps if m.method == "gradcam"):
        assert one.target_index is not None

        def of(output: Tensor, k: int = one.target_index) -> Tensor:
            values = (output if score == "logit" else output.softmax(1))[:, k]
            total: Tensor = (values * (predicted == k)).sum()
            return total

        expected = blended(model, data, size, "gaussian", of, cam)
        assert one.values is not None, one.reason
        torch.testing.assert_close(one.values, expected, rtol=0, atol=1e-5 * float(expected.max()))
    check(
        te.Attributions([m for m in maps if m.method == "saliency"]),
        te.explain(SlidingWindow(model, size, 0.5, "gaussian"), data, ["saliency"], target),
    )
    for one in (m for m in maps if m.layer is not None):
        assert one.space == "image" and one.layer == "act" and tuple(one.values.shape) == (1, *SHAPES[2])  # type: ignore[union-attr]
        assert "blended from 12 patches" in one.warnings[0] and not one.measures


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_layers_over_several_points(score: str) -> None:
    """Patch by patch, each is the layer's conductance within that patch."""
    model, data, size = net(), image((8, 14)), (8, 7)
    methods = [{"name": name, "steps": 5} for name in ("layer_conductance", "internal_influence")]
    target = {"kind": "region", "class": 1, "box": [[0, 8], [0, 7]], "score": score}
    maps = te.explain(model, data, methods, target, layers=["second"], patches={"size": size, "overlap": 0})
    alone = te.explain(model, data[..., :7], methods, target, layers=["second"])
    for one, other in zip(maps, alone, strict=True):
        assert one.values is not None and other.values is not None
        expected = other.values.sum(0, keepdim=True)
        torch.testing.assert_close(one.values[..., :7], expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
        assert not one.values[..., 7:].any()


def test_every_point_has_a_prediction_of_its_own_where_scores_are_not_linear() -> None:
    """Internal influence of a softmax score: at each point of the path the slope of that point's prediction."""
    model, data, size, target = net(), image(SHAPES[2]), (8, 7), {**PROBABILITIES, "classes": [1]}
    cut = {"size": size, "overlap": 0.5, "blend": "gaussian"}
    methods = [{"name": "internal_influence", "steps": 4}, {"name": "integrated_gradients", "steps": 4}]
    maps = te.explain(model, data, methods, target, ["act"], patches=cut)
    found = maps.select("internal_influence").values
    points = Path(steps=4).points(data, "")
    with torch.no_grad():
        where = SlidingWindow(model, size, 0.5, "gaussian")(data[None]).argmax(1) == 1

    def score(output: Tensor) -> Tensor:
        total: Tensor = (output.softmax(1)[:, 1] * where).sum() / where.sum()
        return total

    expected = torch.zeros(1, *SHAPES[2])
    for number, weight in enumerate(points.weights):
        (point,) = points.at(range(number, number + 1))
        expected += weight * blended(model, point, size, "gaussian", score, lambda a, g: g.sum(1, keepdim=True))
    assert found is not None, maps.select("internal_influence").reason
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    alone = te.explain(model, data, methods[1:], target, patches=cut)
    check(te.Attributions([maps.select("integrated_gradients")]), alone)


def test_patches_without_a_slope_are_left_out() -> None:
    """Of 36 patches a region touches one or four; the others have no gradient, and none is computed."""
    data, cut = image((18, 18)), {"size": 6, "overlap": 0.5}
    methods: list[Any] = ["vanilla_backprop", {"name": "smoothgrad", "samples": 3}, {"name": "deeplift", "baseline": 0}]
    whole = SlidingWindow(net(norm=False), (6, 6), 0.5, "constant")
    for score in ("logit", "probability"):
        for box, patches in (([[0, 2], [0, 2]], 1), ([[4, 5], [4, 5]], 4)):
            target = {"kind": "region", "class": 1, "box": box, "score": score}
            maps = te.explain(net(norm=False), data, methods, target, patches=cut)
            check(maps, te.explain(whole, data, methods, target))
            assert [m.passes["backward"] for m in maps] == [patches, 3 * patches, patches]
            if score == "logit":
                assert [m.passes["forward"] for m in maps] == [25 + patches, 3 * patches, 2 * patches]


def test_a_target_goes_back_only_where_it_has_a_slope() -> None:
    data, cut = image((18, 18)), {"size": 3, "overlap": 0.0}
    whole = SlidingWindow(net(), (3, 3), 0.0, "constant")
    with torch.no_grad():
        predicted = whole(data[None]).argmax(1)[0]
    parts = [predicted[i : i + 3, j : j + 3] for i in range(0, 18, 3) for j in range(0, 18, 3)]
    maps = te.explain(net(), data, ["vanilla_backprop"], LOGITS, patches=cut, chunk_size=1)
    assert maps[0].passes["backward"] == sum(len(part.unique()) for part in parts) < 36 * len(maps)
    check(maps, te.explain(whole, data, ["vanilla_backprop"], LOGITS))
    both_kinds = te.explain(net(), data, ["layer_activation", "gradcam"], LOGITS, ["act"], patches=cut, chunk_size=1)
    assert both_kinds[0].passes["forward"] == 36 * 2, "activations are read in every patch"


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    "within", [{}, {"size": (4, 5), "overlap": 0.5, "blend": "gaussian"}], ids=["slices", "patches"]
)
def test_slice_by_slice(axis: int, within: dict[str, Any]) -> None:
    data, model = image((6, 7, 9)), net()
    maps = te.explain(model, data, ["vanilla_backprop", "gradcam"], LOGITS, ["act"], patches={"axis": axis, **within})
    point = data[None].clone().requires_grad_()
    inner = model if not within else SlidingWindow(model, within["size"], 0.5, "gaussian")
    output = torch.stack([inner(part) for part in point.unbind(axis + 2)], axis + 2)
    predicted = output.argmax(1)
    assert len(maps) > 2
    for one in maps:
        assert one.values is not None, one.reason
        assert tuple(one.values.shape) == (1, 6, 7, 9)
        if one.layer is None:
            score = (output[:, one.target_index] * (predicted == one.target_index)).sum()
            (expected,) = torch.autograd.grad(score, point, retain_graph=True)
            torch.testing.assert_close(one.values, expected[0], rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("chunk_size", [1, 3, 64])
def test_batches_do_not_matter(chunk_size: int) -> None:
    methods: list[Any] = ["vanilla_backprop", {"name": "deeplift", "baseline": 0.2}, "excitation_backprop", "gradcam"]
    maps = te.explain(
        net(), image(SHAPES[2]), methods, LOGITS, ["act"], patches={"size": (8, 7)}, chunk_size=chunk_size
    )
    check(maps, te.explain(net(), image(SHAPES[2]), methods, LOGITS, ["act"], patches={"size": (8, 7)}))


def test_passes_count_patches() -> None:
    data, cut = image(SHAPES[2]), {"size": (8, 7), "overlap": 0.5}
    everywhere = {"kind": "region", "class": 1, "box": [[0, 17], [0, 13]]}
    (linear,) = te.explain(net(), data, ["saliency"], everywhere, patches=cut)
    assert linear.passes == {"forward": 2 * 12, "backward": 12}
    path = {"name": "integrated_gradients", "steps": 4}
    (maps,) = te.explain(net(), data, [path], everywhere, patches=cut)
    assert maps.passes == {"forward": (2 + 4) * 12, "backward": 4 * 12}


def test_optimised_masks_of_scores() -> None:
    method = {"name": "class_image", "steps": 2}
    mine, theirs = both(net(), image(SHAPES[2]), [method], PROBABILITIES, {"size": SIZES[2], "overlap": 0.5})
    check(mine, theirs, 1e-4)


MASKED: list[dict[str, Any]] = [
    {"name": "occlusion", "window": 3, "stride": 2, "baseline": 0.1},
    {"name": "feature_ablation", "features": "grid"},
    {"name": "rise", "masks": 5, "cells": 3},
    {"name": "kernel_shap", "features": 9, "samples": 20},
    {"name": "shapley_value_sampling", "features": 6, "permutations": 3},
    {"name": "lime", "features": 6, "samples": 20},
    {"name": "sobol", "features": 6, "samples": 4},
    {"name": "hsic", "features": 6, "samples": 12},
]


@pytest.mark.parametrize(
    "target", [LOGITS, PROBABILITIES, {**LOGITS, "count": True}], ids=["linear", "softmax", "count"]
)
@pytest.mark.parametrize("method", MASKED, ids=lambda method: method["name"])
def test_masks(method: dict[str, Any], target: Any) -> None:
    cut = {"size": SIZES[2], "overlap": 0.5, "blend": "gaussian"}
    mine, theirs = both(net(), image(SHAPES[2]), [method], target, cut)
    check(mine, theirs, 1e-4)


def test_masks_of_slices_and_channels() -> None:
    model = nn.Conv2d(2, 3, 3, padding=1)
    data = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    method = {"name": "occlusion", "window": 2, "per_channel": True}
    maps = te.explain(model, data, [method], LOGITS, patches={"axis": 1, "size": 4, "overlap": 0.5})
    with torch.no_grad():
        window = SlidingWindow(model, (4, 4), 0.5, "constant")

        def predict(volume: Tensor) -> Tensor:
            return torch.stack([window(part[None])[0] for part in volume.unbind(2)], 2)

        predicted = predict(data)
        for one in maps:
            where = predicted.argmax(0) == one.target_index
            hidden = data.clone()
            hidden[1, 2:4, 4:6, 2:4] = 0
            drop = ((predicted - predict(hidden))[one.target_index] * where).sum()
            assert one.values is not None
            assert float(one.values[1, 3, 4, 2]) == pytest.approx(float(drop), abs=1e-4)


def test_only_touched_patches_are_run_again() -> None:
    data = image((16, 16))
    method = {"name": "occlusion", "window": 4}
    maps = te.explain(net(), data, [method], LOGITS, patches={"size": 8, "overlap": 0.0})
    assert maps[0].passes == {"forward": 4 + 4 + 16, "backward": 0}  # to bind, unmasked, each window in one patch


def test_features_that_join_change_only_their_patches() -> None:
    """Sixteen blocks in four patches: a block that joins runs one patch again, the first of an order all but none."""
    method = {"name": "shapley_value_sampling", "features": 4, "permutations": 3}
    cut = {"size": 8, "overlap": 0.0}
    maps = te.explain(net(), image((16, 16)), [method], LOGITS, patches=cut)
    bare = 4 * (1 + 1 + 1)  # to bind, unmasked, the baseline
    assert maps[0].passes["forward"] <= bare + 3 * (15 + 4) < bare + 3 * 15 * 4 / 2
    check(maps, te.explain(SlidingWindow(net(), (8, 8), 0.0, "constant"), image((16, 16)), [method], LOGITS), 1e-4)


def test_games_of_patches_add_up() -> None:
    """A twelfth of the patch passes, and less error than coalitions of the whole image have."""
    data, cut, target = (
        image((25, 25)),
        {"size": (8, 8), "overlap": 0.5},
        {"kind": "region", "class": 1, "box": [[0, 25]] * 2},
    )

    def shares(samples: int, seed: int) -> te.Attributions:
        return te.explain(net(), data, [_shap(samples)], target, patches=cut, seed=seed)

    (exact,) = shares(600, 0)  # nine features touch a patch at most
    assert exact.values is not None and exact.measures == {"games": 36, "features": 9}
    window = SlidingWindow(net(), (8, 8), 0.5, "constant")
    few, many, passes = [], [], {}
    for seed in range(3):
        (mine,) = shares(20, seed)
        (theirs,) = te.explain(window, data, [_shap(300)], target, seed=seed, chunk_size=50)
        assert mine.values is not None and theirs.values is not None
        few.append(float((mine.values - exact.values).square().mean()))
        many.append(float((theirs.values - exact.values).square().mean()))
        passes = {"patches": mine.passes["forward"], "whole": theirs.passes["forward"] * 36}
        change = float(exact.values.sum())
        for values in (mine.values, theirs.values):  # each is bound to the score's change
            assert float(values.sum()) == pytest.approx(change, rel=1e-3)
    assert sum(few) < sum(many)
    assert passes["whole"] > 10 * passes["patches"]


def _shap(samples: int) -> dict[str, Any]:
    return {"name": "kernel_shap", "features": 5, "samples": samples}


def test_lime_beside_games_is_as_alone() -> None:
    methods = [_shap(20), {"name": "lime", "features": 5, "samples": 20}]
    cut = {"size": (8, 8), "overlap": 0.5}
    both_maps = te.explain(net(), image((15, 15)), methods, LOGITS, patches=cut)
    alone = [m for name in methods for m in te.explain(net(), image((15, 15)), [name], LOGITS, patches=cut)]
    check(both_maps, te.Attributions(alone))


def test_the_model_comes_back_as_it_was() -> None:
    model = net().train()
    model.first.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = image(SHAPES[2])
    methods: list[Any] = ["saliency", "guided_backprop", "gradcam", {"name": "occlusion", "window": 4}]
    maps = te.explain(model, data, methods, LOGITS, ["act"], patches={"size": (8, 7)})
    assert {m.status for m in maps} == {"ok"}
    assert model.training and not model.first.weight.requires_grad and model.second.weight.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.equal(data, image(SHAPES[2])) and not data.requires_grad


def test_half_precision_adds_up_in_single() -> None:
    model, data = net().to(torch.bfloat16), image(SHAPES[2])
    (mine,) = te.explain(model, data, ["vanilla_backprop"], REGION, patches={"size": (8, 7), "overlap": 0.5})
    (theirs,) = te.explain(net(), data, ["vanilla_backprop"], REGION, patches={"size": (8, 7), "overlap": 0.5})
    assert mine.values is not None and theirs.values is not None and mine.values.dtype == torch.float32
    assert float((mine.values - theirs.values).abs().max()) < 0.1 * float(theirs.values.abs().max())


@pytest.mark.slow
def test_memory_is_that_of_a_patch_and_some_volumes() -> None:
    from benchmarks.patches import volume_rows

    (row,) = volume_rows(quick=True)
    assert row.reached, row.figure


REFUSED = ["inverted_representation", "deep_dream", "activation_grid", "activation_atlas", "building_blocks"]


@pytest.mark.parametrize("method", REFUSED)
def test_refused_by_name(method: str) -> None:
    data = [image(SHAPES[2]), image(SHAPES[2]) + 1]
    maps = te.explain(net(norm=False), data, [method], LOGITS, ["second"], patches={"size": (8, 7)})
    assert len(maps) > 0
    for one in maps:
        assert one.status == "incompatible" and "each patch has its own" in str(one.reason)
        assert "give an image that the model takes as a whole" in str(one.reason)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ({"size": 8, "overlap": 1}, "patches.overlap: 1 is not allowed; allowed: less than 1.0 or a list"),
        ({"size": [8, 8, 8]}, "patches.size: [8, 8, 8] has 3 numbers; the image has 2 axes"),
        ({"size": 0}, "patches.size: 0 is not allowed; allowed: 1 or more or a list"),
        ({"size": 8, "blend": "gausian"}, "nearest: 'gaussian'"),
        ({"overlap": 0.5}, "give the 'size' of a patch"),
        ({"sizes": 8}, "field 'sizes' does not exist; nearest: 'size'"),
        ({"axis": 3}, "patches.axis: 3 is not allowed"),
    ],
)
def test_wrong_patches(cut: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        te.explain(nn.Identity(), te.Image(image(SHAPES[2])), ["saliency"], LOGITS, patches=cut)
    assert message in str(caught.value)


def test_slices_of_a_model_of_volumes() -> None:
    with pytest.raises(ConfigError, match="slices are for two-dimensional models"):
        te.explain(net(3), image(SHAPES[3]), ["saliency"], LOGITS, patches={"axis": 0})


def test_outputs_that_cannot_be_put_together() -> None:
    for model in (nn.Conv2d(1, 3, 3), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())):
        with pytest.raises(ModelError, match="only where they are maps on the patch's own grid"):
            te.explain(model, image(SHAPES[2]), ["saliency"], LOGITS, patches={"size": 8})
