"""Masks made from a layer's channels: all layers in one sweep, and layers edited on the way."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.sweeps.edit import edited

from .counting import IMAGE, LAYERS, CountingNet

BOTH = ["score_cam", "ablation_cam"]
CHANNELS = 4


@pytest.fixture
def net() -> CountingNet:
    return CountingNet()


def test_all_layers_and_targets_share_a_sweep(net: CountingNet) -> None:
    maps = te.explain(net, IMAGE, ["score_cam"], target=[0, 1], layers=[LAYERS[1], LAYERS[4]])
    binding, baseline, activations = 1, 1, 1
    assert net.forwards == dict.fromkeys(LAYERS, binding + baseline + activations + 2 * CHANNELS)
    assert not net.backwards
    alone = te.explain(net, IMAGE, ["score_cam"], target=0, layers=[LAYERS[4]])
    one, other = maps.select(layer=LAYERS[4], target=0).values, alone[0].values
    assert one is not None and other is not None
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("chunk_size", [1, 3, 8])
def test_chunks_may_hold_several_layers(net: CountingNet, chunk_size: int) -> None:
    options = {"target": 1, "layers": [LAYERS[2], LAYERS[5]]}
    whole = te.explain(net, IMAGE, BOTH, chunk_size=8, **options)  # type: ignore[arg-type]
    for mine, theirs in zip(te.explain(net, IMAGE, BOTH, chunk_size=chunk_size, **options), whole, strict=True):  # type: ignore[arg-type]
        assert mine.values is not None and theirs.values is not None
        torch.testing.assert_close(mine.values, theirs.values)


@pytest.mark.parametrize("method", BOTH)
def test_layer_without_space_costs_its_own_map(net: CountingNet, method: str) -> None:
    maps = te.explain(net, IMAGE, [method], target=1, layers=["head", LAYERS[3]])
    assert {m.layer: m.status for m in maps} == {"head": "incompatible", LAYERS[3]: "ok"}
    assert "2 spatial axes" in str(maps.select(layer="head").reason)
    maps = te.explain(net, IMAGE, [method], target=1, layers=["head"])
    assert maps[0].status == "incompatible"


def test_top_channels_are_tried_only(net: CountingNet) -> None:
    te.explain(net, IMAGE, [{"name": "score_cam", "top": 2}], target=1, layers=[LAYERS[3]])
    assert net.forwards[LAYERS[-1]] == 2 + 3


class Pair(NamedTuple):
    """What a layer with two outputs puts out."""

    first: Tensor
    second: Tensor


class Twice(nn.Module):
    """Puts out a pair."""

    def forward(self, x: Tensor) -> Pair:
        return Pair(x + 1, x - 1)


class Reused(nn.Module):
    """Calls one layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Twice()

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(self.pair(x).first).second  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("layer", "expected"), [("pair#0:0", -1.0), ("pair#1:1", 0.0), ("pair#0:1", 1.0), ("pair:0", -1.0)]
)
def test_edits_reach_one_call_and_one_output(layer: str, expected: float) -> None:
    model = Reused()
    with edited(model, {layer: torch.zeros_like}):
        assert float(model(torch.ones(1))) == expected
    assert float(model(torch.ones(1))) == 1.0, "the hook is gone"
    assert not model.pair._forward_hooks


def test_hooks_go_after_an_error() -> None:
    def broken(_: Tensor) -> Tensor:
        raise ZeroDivisionError

    model = Reused()
    with pytest.raises(ZeroDivisionError), edited(model, {"pair#0:0": broken}):
        model(torch.ones(1))
    assert not model.pair._forward_hooks


def test_layer_changed_in_place_is_ablated_before_it() -> None:
    torch.manual_seed(0)
    conv, head = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 2, 1)
    image = torch.randn(1, 6, 7)
    maps = [
        te.explain(nn.Sequential(conv, nn.ReLU(inplace), nn.Identity(), head), image,
                   [{"name": "ablation_cam", "relu": False}], target={"kind": "class", "classes": [1]}, layers=["0"])[0]
        for inplace in (True, False)
    ]  # fmt: skip
    assert maps[0].values is not None and maps[1].values is not None
    torch.testing.assert_close(maps[0].values, maps[1].values)
