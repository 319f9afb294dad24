"""Pictures that references optimised: from the same start, ours reach what theirs do, in the references' figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import torchesegeta as te
from torchesegeta.optimisation.parameterisations import ranged, value_range
from torchesegeta.types import Attribution

from .loader import COPY, Entry, arrays, complete_set, entries, inputs, network

pytestmark = [pytest.mark.golden] if complete_set() else []

ROOT = complete_set() or COPY
STORED = {entry.method: entry for entry in entries(ROOT) if entry.source == "cnnvis"}
INVERTED = [entry for entry in entries(ROOT) if entry.method == "inverted_representation"]
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
"""Of ImageNet, per channel."""

needs_all = pytest.mark.skipif(complete_set() is None, reason="the small copy leaves this network out")


def prepared(picture: Tensor) -> Tensor:
    """(H, W, 3) of bytes as the network wants it: (3, H, W)."""
    return ((picture / 255 - MEAN) / DEVIATION).permute(2, 0, 1)


def ours(
    entry: Entry, image: Tensor, start: Tensor, method: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Attribution:
    """Our picture for an image (C, *spatial), begun from the reference's start."""
    lowest, width = value_range(image)
    monkeypatch.setattr(ranged, "uniform", lambda shape, key, index: (start - lowest) / width)
    layers = [entry.layer] if entry.layer else None
    (found,) = te.explain(network(ROOT, entry.model), image, method, target=entry.target, layers=layers)
    assert found.status == "ok" and found.values is not None, found.reason
    return found


def history(entry: Entry) -> Tensor:
    return arrays(ROOT, entry)["loss_history"]


@needs_all
def test_layer_visualization(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = STORED["cnn_layer_visualization"]
    image, start = inputs(ROOT, entry.model)["x"][0], prepared(arrays(ROOT, entry)["start_uint8"])
    rate = 0.1 / float(value_range(image)[1].mean())
    method = {"name": "layer_visualization", "filter": 5, "steps": 30, "learning_rate": rate, "start": (0, 1)}
    found = ours(entry, image, start, method, monkeypatch)
    losses = history(entry)
    assert found.measures["objective_before"] == pytest.approx(-float(losses[0]), rel=1e-4)
    assert found.measures["objective_reached"] >= 0.95 * -float(losses[-1])


@needs_all
@pytest.mark.parametrize(
    ("reference", "least", "regularised"),
    [
        ("class_specific_image_generation", 0.95, {"decay": 0, "blur": 0}),
        ("regularized_class_specific_image_generation", 0.9, {"decay": 6e-4, "blur": 0.5, "blur_every": 4}),
    ],
)
def test_class_image(
    reference: str, least: float, regularised: Mapping[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = STORED[reference]
    start = prepared(arrays(ROOT, entry)["start_uint8"])  # its range is that of all pictures, as the reference's
    method = {"name": "class_image", "steps": 60, "start": (0, 1), **regularised}
    found = ours(entry, start, start, method, monkeypatch)
    losses = history(entry)
    assert found.measures["objective_before"] == pytest.approx(-float(losses[0]), rel=1e-4)
    assert found.measures["objective_reached"] >= least * -float(losses[-1])


@needs_all
def test_deep_dream(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many steps as the reference, which neither dreams in octaves nor stays within the image's range."""
    entry = STORED["deep_dream"]
    image = prepared(arrays(ROOT, entry)["start_uint8"])
    method = {"name": "deep_dream", "filter": 5, "octaves": 1, "steps": 250, "jitter": 0, "keep_in_range": False}
    found = ours(entry, image, image, method, monkeypatch)
    losses = history(entry)
    assert found.measures["objective_before"] == pytest.approx(-float(losses[0]), rel=1e-4)
    assert found.measures["objective_reached"] >= 0.95 * -float(losses[-1])


def variation(x: Tensor) -> Tensor:
    """Over rows and columns, as published; the reference takes channels and rows."""
    here = x[..., :-1, :-1]
    return ((x[..., 1:, :-1] - here).square() + (x[..., :-1, 1:] - here).square()).sum()


def loss_of(entry: Entry) -> Callable[[Tensor], float]:
    """The reference's loss of a picture (C, *spatial)."""
    model, image = network(ROOT, entry.model), inputs(ROOT, entry.model)["x"]
    depth = int(str(entry.layer).split(".")[1]) + 1
    to_layer = torch.nn.Sequential(*list(model.get_submodule("features").children())[:depth])

    @torch.no_grad()
    def loss(picture: Tensor) -> float:
        wanted = to_layer(image)
        apart = (to_layer(picture[None]) - wanted).square().sum() / wanted.square().sum()
        return float(0.1 * apart + 1e-7 * picture.pow(6).sum() + 1e-8 * variation(picture))

    return loss


@needs_all
@pytest.mark.parametrize("entry", INVERTED, ids=lambda entry: entry.id)
def test_inverted_representation(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    image, start = inputs(ROOT, entry.model)["x"][0], arrays(ROOT, entry)["start_image"][0]
    found = ours(entry, image, start, {"name": "inverted_representation", "start": (0, 1)}, monkeypatch)
    losses, loss = history(entry), loss_of(entry)
    assert loss(start) == pytest.approx(float(losses[0]), rel=1e-3)
    assert found.values is not None
    assert loss(found.values) <= 1.2 * float(losses[-1])
