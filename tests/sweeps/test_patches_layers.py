"""Layers patch by patch: maps from forward passes, products, contrasts and pictures, beside what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from tests.references.sliding_window import SlidingWindow, starts
from torchesegeta.jobs import AT_PATCH_SIZE

from .test_patches import LOGITS, PROBABILITIES, SHAPES, SIZES, Net, blended, cam, check, image, net

PATH = {"name": "integrated_gradients", "steps": 4}
Box = tuple[slice, ...]
CUT: dict[str, Any] = {"size": SIZES[2], "overlap": 0.5, "blend": "gaussian"}


class Pointwise(nn.Module):
    """A network whose voxels know nothing of each other: patch by patch it is the same as on the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Conv2d(2, 5, 1), nn.ReLU(), nn.Conv2d(5, 4, 1)
        self.last, self.head = nn.ReLU(), nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.last(self.second(self.act(self.first(x)))))
        return output


def pointwise() -> Pointwise:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Pointwise().eval()
        model.first.weight.data.abs_()  # so that the image excites every channel
        return model


def scored(target: dict[str, Any], k: int, predicted: Tensor) -> Callable[[Tensor], Tensor]:
    """The score of a class, from a whole prediction (1, C, *spatial)."""
    where = predicted == k

    def score(output: Tensor) -> Tensor:
        values = (output if target is LOGITS else output.softmax(1))[:, k]
        total: Tensor = (values * where).sum() / (1 if target is LOGITS else where.sum())
        return total

    return score


def boxes_of(shape: Sequence[int], size: Sequence[int]) -> list[Box]:
    places = [starts(n, s, 0.5) for n, s in zip(shape, size, strict=True)]
    return [tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True)) for corner in product(*places)]


class Exchange:
    """The sliding-window prediction, changed in a patch's place by what changes in its output."""

    def __init__(self, model: Net, data: Tensor) -> None:
        window = SlidingWindow(model, CUT["size"], 0.5, "gaussian")
        self.model, self.data, self.boxes = model, data, boxes_of(data.shape[1:], CUT["size"])
        total = torch.zeros(data.shape[1:])
        for box in self.boxes:
            total[box] += window.importance
        self.weights = [window.importance / total[box] for box in self.boxes]
        self.whole: Tensor = window(data[None])

    def patch(self, number: int) -> Tensor:
        return self.data[(slice(None), *self.boxes[number])][None]

    def act(self, patch: Tensor) -> Tensor:
        hidden: Tensor = self.model.act(self.model.norm(self.model.first(patch)))
        return hidden

    def after(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.model.head(torch.relu(self.model.second(hidden) + hidden))
        return output

    def prediction(self, number: int, output: Tensor) -> Tensor:
        changed: Tensor = self.whole.clone()
        changed[(slice(None), slice(None), *self.boxes[number])] += output - self.model(self.patch(number))
        return changed


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
@pytest.mark.parametrize("method", ["score_cam", "ablation_cam"])
def test_channels_mask_one_patch_at_a_time(method: str, target: Any) -> None:
    model, data = net(), image(SHAPES[2])
    maps = te.explain(model, data, [method], target, ["act"], patches=CUT)
    with torch.no_grad():
        exchange = Exchange(model, data)
        predicted = exchange.whole.argmax(1)
        for one in maps:
            assert one.target_index is not None and one.values is not None, one.reason
            score = scored(target, one.target_index, predicted)
            expected = torch.zeros(1, *SHAPES[2])
            for number, box in enumerate(exchange.boxes):
                hidden, whole = exchange.act(exchange.patch(number)), score(exchange.whole)
                weights = []
                for channel in range(4):
                    if method == "ablation_cam":
                        without = hidden.clone()
                        without[:, channel] = 0
                        output = exchange.after(without)
                        weights.append((whole - score(exchange.prediction(number, output))) / whole.abs())
                    else:
                        values = hidden[:, channel]
                        mask = (values - values.min()) / (values.max() - values.min()).clamp(min=1e-30)
                        seen = score(exchange.prediction(number, model(exchange.patch(number) * mask)))
                        empty = model(torch.zeros_like(exchange.patch(number)))
                        weights.append(seen - score(exchange.prediction(number, empty)))
                found = (torch.stack(weights).view(1, -1, 1, 1) * hidden).sum(1).relu()
                expected[(slice(None), *box)] += found * exchange.weights[number]
            torch.testing.assert_close(one.values, expected, rtol=0, atol=1e-4 * float(expected.max()))
            assert "blended from 12 patches" in one.warnings[0]


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
def test_guided_gradcam_is_the_guided_gradient_times_the_blended_cam(target: Any) -> None:
    model, data = net(), image(SHAPES[2])
    maps = te.explain(model, data, ["guided_gradcam", "guided_backprop"], target, ["act"], patches=CUT)
    with torch.no_grad():
        predicted = Exchange(model, data).whole.argmax(1)
    for one in (m for m in maps if m.layer is not None):
        assert one.target_index is not None and one.values is not None, one.reason
        guided = maps.select("guided_backprop", target=one.target).values
        expected = blended(model, data, SIZES[2], "gaussian", scored(target, one.target_index, predicted), cam)  # type: ignore[arg-type]
        assert guided is not None
        torch.testing.assert_close(one.values, expected * guided, rtol=0, atol=1e-5 * float((expected * guided).max()))
        assert "blended" in one.warnings[0] and one.matched["relu"] > 0


POSITIVE = torch.rand(2, 16, 14, generator=torch.Generator().manual_seed(0))
"""What is below zero would count from the lowest value of a patch, not of the image."""
CONTRASTED: list[dict[str, Any]] = [
    {"name": "contrastive_excitation_backprop", "layers": [], "contrast_layer": "act", "normalise": share}
    for share in (True, False)
]


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("method", CONTRASTED, ids=["shares", "difference"])
def test_winners_of_all_patches_are_compared(method: dict[str, Any], overlap: float) -> None:
    """Where patches change nothing, the contrast is that of the whole image: shares are those of all patches."""
    cut = {"size": SIZES[2], "overlap": overlap, "blend": "gaussian"}
    mine = te.explain(pointwise(), POSITIVE, [method], LOGITS, patches=cut)
    check(mine, te.explain(pointwise(), POSITIVE, [method], LOGITS), 1e-4)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize(
    "method",
    [
        "contrastive_excitation_backprop",
        "excitation_backprop",
        "layer_gradient_x_activation",
        "hires_cam",
        {"name": "layer_conductance", "steps": 3},
        {"name": "layer_deeplift", "baseline": 0.1},
    ],
    ids=str,
)
def test_maps_of_layers_do_not_tell_how_many_patches_cover_a_place(method: Any, overlap: float) -> None:
    """Where patches change nothing, the blended map is that of the whole image."""
    cut = {"size": SIZES[2], "overlap": overlap, "blend": "constant"}
    mine = te.explain(pointwise(), POSITIVE, [method], LOGITS, ["act"], patches=cut)
    theirs = te.explain(pointwise(), POSITIVE, [method], LOGITS, ["act"])
    for one in theirs:
        assert one.values is not None
        one.values = one.values.sum(0, keepdim=True)
    check(mine, theirs, 1e-4)


def test_pictures_of_layers_have_the_size_of_a_patch() -> None:
    """They are those that the patch whose values vary most would have by itself."""
    model, data = net(), image(SHAPES[2])
    data[:, 9:, 6:] *= 10
    methods = [
        {"name": "feature_visualization", "steps": 3},
        {"name": "layer_visualization", "steps": 3},
        {"name": "layer_visualization", "steps": 2, "filter": "all", "label": "every"},
    ]
    maps = te.explain(model, data, methods, LOGITS, ["act"], patches=CUT)
    alone = te.explain(model, data[:, 9:17, 6:13], methods, LOGITS, ["act"])
    assert len(maps) == len(alone) == 6
    for one, other in zip(maps, alone, strict=True):
        assert one.values is not None and other.values is not None, one.reason
        assert tuple(one.values.shape) == (1, *SIZES[2]) and torch.equal(one.values, other.values)
        assert one.warnings[0] == AT_PATCH_SIZE and one.affine is None


def test_captum_sees_the_whole_prediction() -> None:
    pytest.importorskip("captum")
    model, data = net(), image(SHAPES[2])
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"algorithm": "Saliency", "arguments": {"abs": False}}, {"name": "vanilla_backprop"}),
        (
            {"algorithm": "IntegratedGradients", "arguments": {"n_steps": 4}},
            {"name": "integrated_gradients", "steps": 4},
        ),
        ({"algorithm": "Occlusion", "arguments": {"sliding_window_shapes": [1, 5, 5], "strides": [1, 5, 5]}}, {}),
    ]
    for theirs, mine in pairs:
        entry = mine or {"name": "occlusion", "window": 5}
        for target in (LOGITS, PROBABILITIES):
            maps = te.explain(model, data, [{"name": "captum", **theirs}, entry], target, patches=CUT)
            half = len(maps) // 2
            for one, other in zip(list(maps)[:half], list(maps)[half:], strict=True):
                assert one.values is not None and other.values is not None, one.reason
                torch.testing.assert_close(
                    one.values, other.values, rtol=0, atol=1e-4 * float(other.values.abs().max())
                )


@pytest.mark.parametrize("algorithm", ["GuidedBackprop", "DeepLift", "LRP", "LayerGradCam"])
def test_captum_is_refused_where_it_watches_modules(algorithm: str) -> None:
    pytest.importorskip("captum")
    entry = {"name": "captum", "algorithm": algorithm}
    maps = te.explain(net(), image(SHAPES[2]), [entry], LOGITS, ["act"], patches=CUT)
    for one in maps:
        assert one.status == "incompatible" and "watches modules" in str(one.reason)
