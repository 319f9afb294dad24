"""Passes as planned are passes as made."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import torchesegeta as te
from torchesegeta.jobs import group
from torchesegeta.sweeps import Contrast
from torchesegeta.tasks import make_tasks, parse_methods

from .networks import build, image

ASKED: list[dict[str, Any]] = [
    {"name": "saliency"},
    {"name": "guided_backprop"},
    {"name": "guided_gradcam"},
    {"name": "layer_activation_guided_backprop"},
    {"name": "smoothgrad", "samples": 3, "of": "guided"},
    {"name": "excitation_backprop"},
    {"name": "contrastive_excitation_backprop"},
    {"name": "contrastive_excitation_backprop", "normalise": False, "layers": ["first", "second"]},
    {"name": "contrastive_excitation_backprop", "contrast_layer": "second", "layers": ["first", "second"]},
    {"name": "lrp", "layers": ["first"]},
    {"name": "deeplift"},
    {"name": "deeplift_shap", "baselines": ["zero", "blur", "mean"]},
    {"name": "layer_deeplift_shap", "baselines": ["zero", "blur"]},
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked["name"])
def test_planned_passes(asked: dict[str, Any]) -> None:
    """Binding the target takes one pass more, where no pass of the image does it.

    The network squares, and for all that a power's name tells it might be a root: each baseline is nudged too.
    """
    (job,) = group(make_tasks(parse_methods([asked]), ["second"]))
    maps = te.explain(build(nn.ReLU()), image(), [asked], target=[0, 1], layers=["second"])
    planned = job.passes(2, [sweep.count for sweep in job.sweeps])
    for made in maps:
        assert made.passes["backward"] == planned["backward"]
        more = made.passes["forward"] - planned["forward"]
        assert more == job.sweep.count if isinstance(job.sweep, Contrast) else more in (0, 1)


def test_methods_of_one_rule_share_their_sweep() -> None:
    asked = ["guided_backprop", "layer_activation_guided_backprop", "deconvolution", "guided_gradcam"]
    jobs = group(make_tasks(parse_methods(asked), ["second"]))
    assert [[task.label for task in job.tasks] for job in jobs] == [asked[:2], asked[2:3], asked[3:]]


def test_layer_that_cannot_be_recorded_costs_its_own_map_only() -> None:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = nn.Sequential(nn.InstanceNorm2d(2), nn.ReLU(inplace=True), head)
    found = te.explain(net, image(), ["deeplift", "layer_deeplift"], 1, ["0"])
    assert {m.label: m.status for m in found} == {"deeplift": "ok", "layer_deeplift": "incompatible"}
    assert "a view that the model then changes in place" in str(found["layer_deeplift"].reason)
