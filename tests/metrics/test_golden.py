"""Infidelity and sensitivity against Captum's, with its perturbations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import torchesegeta as te
from tests.golden.loader import COPY, Entry, arrays, complete_set, entries, inputs, network
from torchesegeta.sweeps import perturbations, variations

ROOT = complete_set() or COPY
ENTRIES = [e for e in entries(ROOT) if e.method in ("infidelity", "sensitivity_max")]
pytestmark = [pytest.mark.golden] if complete_set() else []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_agrees_with_captum(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    given, stored, net = inputs(ROOT, entry.model), arrays(ROOT, entry), network(ROOT, entry.model)
    x = given["x"]
    target: dict[str, Any] = {"kind": "class", "classes": [entry.target]}
    if "masks" in given:
        target = {"kind": "region", "class": entry.target, "mask": given["masks"][entry.target]}
    infidelity = entry.method == "infidelity"
    method = "input_x_gradient" if infidelity else {"name": "saliency", "absolute": False}
    maps = te.explain(net, x, [method], target=target)
    spread = float(x.max() - x.min())

    def draw(shape: tuple[int, ...], key: str, index: int) -> Tensor:
        return stored["perturbations"][index]

    monkeypatch.setattr(perturbations, "noise_at", draw)
    monkeypatch.setattr(variations, "shift_at", draw)
    count = len(stored["perturbations"])
    options = {"sigma": 1 / spread} if infidelity else {"radius": 1 / spread}
    if infidelity:
        maps[0].values = stored["attribution"][0]
    name = "infidelity" if infidelity else "sensitivity"
    (score,) = te.evaluate(net, x, maps, {"name": name, "samples": count, **options})
    assert score.value is not None, score.reason
    found = score.measures["normalised"] if entry.variant == "normalized" else score.value
    assert found == pytest.approx(float(stored[entry.method]), rel=entry.tolerance)


@pytest.mark.parametrize("model", ["cnn2d", "cnn3d"])
def test_guided_backpropagation_is_known_to_depend_less_on_the_weights(model: str) -> None:
    net, x = network(ROOT, model), inputs(ROOT, model)["x"]
    maps = te.explain(net, x, ["vanilla_backprop", "guided_backprop"])
    found = te.evaluate(net, x, maps, "cascading_randomisation")
    gradient, guided = (
        [score.measures["ssim"] for score in found if score.label == label]
        for label in ("vanilla_backprop", "guided_backprop")
    )
    assert sum(guided) > 1.3 * sum(gradient)


def test_every_entry_is_held() -> None:
    assert len(ENTRIES) >= (12 if complete_set() else 0)
    assert torch.is_tensor(inputs(ROOT, "cnn2d")["x"])
