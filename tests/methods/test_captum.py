"""Captum's algorithms by name, beside ours."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te

pytest.importorskip("captum")

NET = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 1))
IMAGE = torch.randn(1, 6, 7, 8, generator=torch.Generator().manual_seed(0))
INTEGRATED = {"name": "integrated_gradients", "steps": 6, "baseline": 0.2}
OCCLUSION = {"name": "occlusion", "window": 3}
SEGMENTATION = {"kind": "multiclass"}


def explained(*methods: str | dict[str, Any], layers: list[str] | None = None) -> te.Attributions:
    return te.explain(NET, IMAGE, list(methods), SEGMENTATION, layers)


@pytest.mark.parametrize(
    ("algorithm", "arguments", "ours"),
    [
        ("InputXGradient", {}, {"name": "input_x_gradient"}),
        ("IntegratedGradients", {"n_steps": 6, "baselines": 0.2}, INTEGRATED),
        ("Occlusion", {"sliding_window_shapes": [1, 3, 3, 3], "strides": [1, 3, 3, 3]}, OCCLUSION),
    ],
)
def test_captum_agrees_with_ours(algorithm: str, arguments: dict[str, Any], ours: dict[str, Any]) -> None:
    maps = explained({"name": "captum", "algorithm": algorithm, "arguments": arguments}, ours)
    for target in {m.target for m in maps}:
        theirs, mine = (maps.select(name, target=target).values for name in ("captum", str(ours["name"])))
        assert theirs is not None and mine is not None
        torch.testing.assert_close(mine, theirs, atol=1e-5 * float(theirs.abs().max()), rtol=1e-4)


def test_layer_algorithms_make_maps_of_layers() -> None:
    method = {"name": "captum", "algorithm": "LayerActivation"}
    maps = explained(method, "layer_activation", layers=["0"])
    theirs = maps[0].values
    (ours,) = [m.values for m in maps if m.label == "layer_activation"]
    assert maps[0].layer == "0" and maps[0].space == "layer"
    assert theirs is not None and ours is not None
    torch.testing.assert_close(theirs, ours)


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ({"algorithm": "IntegratedGradient"}, "incompatible", "nearest: 'IntegratedGradients'"),
        ({"algorithm": "Saliency", "arguments": {"no_such": 1}}, "failed", "no_such"),
    ],
)
def test_what_captum_cannot_do_costs_its_own_map(method: dict[str, Any], status: str, reason: str) -> None:
    maps = explained({"name": "captum", **method}, {"name": "saliency"})
    assert {m.status for m in maps if m.label == "captum"} == {status}
    assert all(reason in str(m.reason) for m in maps if m.label == "captum")
    assert {m.status for m in maps if m.label == "saliency"} == {"ok"}


def test_parameters_read_as_they_were_written() -> None:
    method = te.methods()["captum"].model_validate({"algorithm": "Occlusion", "arguments": {"strides": [1, 2]}})
    assert method.parameters()["arguments"] == {"strides": [1, 2]}


def test_the_model_comes_back_as_it_was() -> None:
    class Trained(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = NET

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)  # type: ignore[no-any-return]

    model = Trained().train()
    te.explain(model, IMAGE, [{"name": "captum", "algorithm": "GuidedBackprop"}], SEGMENTATION)
    assert model.training and not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(p.grad is not None for p in model.parameters())
