"""Extremal perturbation against TorchRay's: masks from the same cells, and what masks reach by optimisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import torchesegeta as te
from torchesegeta.optimisation.exposures import Blurred
from torchesegeta.optimisation.exposures.blend import seen_through
from torchesegeta.optimisation.parameterisations import Grid
from torchesegeta.optimisation.parameterisations.smooth_maximum import SmoothMaximum
from torchesegeta.types import Attribution

from .comparisons import difference
from .loader import COPY, Entry, arrays, complete_set, entries, inputs, network

pytestmark = [pytest.mark.golden] if complete_set() else []

ROOT = complete_set() or COPY
MASKS = [entry for entry in entries(ROOT) if entry.method == "extremal_perturbation_maskgenerator"]
REACHED = [entry for entry in entries(ROOT) if entry.method == "extremal_perturbation"]
SHARE_OF_CHANGE, AREA = 0.05, 0.03
"""How much less a mask may reach, and how much more or less it may cover: the entries' tolerances."""
STEADY = ("dual_fade_0.1_simple", "preserve_fade_0.1_contrastive")
"""A fade has no kinks between levels, which would make rounding grow: these agree voxel by voxel."""


def name(entry: Entry) -> str:
    return entry.id


def quick(entry: Entry) -> Any:
    """One entry runs each time; it is the shortest."""
    often = entry.id == "torchray.extremal_perturbation.cnn2d.preserve_fade_0.1_contrastive"
    return pytest.param(entry, id=entry.id, marks=() if often else pytest.mark.slow)


@pytest.mark.parametrize("entry", MASKS, ids=name)
def test_masks_are_those_of_the_reference(entry: Entry) -> None:
    stored, asked = arrays(ROOT, entry), entry.parameters
    cells = stored["parameters"][0]
    grid = Grid((64, 64), asked["step"], float(asked["sigma"]))
    assert grid.cells == tuple(cells.shape[1:])
    whole = SmoothMaximum(grid, cells)(cells)[None]
    assert difference(whole, stored["mask_full_with_margin"], entry.measure) <= entry.tolerance
    assert difference(grid.inner(whole), stored["mask"], entry.measure) <= entry.tolerance


@pytest.mark.parametrize("entry", [e for e in REACHED if e.id.endswith("cnn2d.preserve_blur_0.1_simple")], ids=name)
def test_blurred_copies_are_those_of_the_reference(entry: Entry) -> None:
    levels = Blurred(entry.parameters["num_levels"], entry.parameters["max_blur"], "zero")
    found = levels.levels_of(inputs(ROOT, entry.model)["x"][0])
    assert difference(found, arrays(ROOT, entry)["pyramid"], "max_abs_diff_over_max_abs") < 1e-5


@pytest.mark.parametrize("entry", [quick(entry) for entry in REACHED])
def test_masks_reach_what_the_reference_reaches(entry: Entry) -> None:
    stored, found = arrays(ROOT, entry), ours(entry)
    area, scale = entry.parameters["areas"][0], abs(float(stored["score_full"] - stored["score_blank"]))
    measures, least = found.measures, SHARE_OF_CHANGE * scale
    assert measures["score_of_image"] == pytest.approx(float(stored["score_full"]), rel=1e-4)
    assert measures["score_of_perturbed"] == pytest.approx(float(stored["score_blank"]), rel=1e-3)
    if entry.parameters["variant"] != "delete":
        assert measures[f"score_at_area_{area:g}"] >= float(stored["score_preserve"]) - least
    if entry.parameters["variant"] != "preserve":
        assert measures[f"score_without_area_{area:g}"] <= float(stored["score_delete"]) + least
    assert found.values is not None
    assert float(found.values.mean()) == pytest.approx(float(stored["mask_mean"]), abs=AREA)
    if entry.variant in STEADY:
        assert difference(found.values, stored["mask"][0], "max_abs_diff_over_max_abs") < 0.01


def ours(entry: Entry) -> Attribution:
    """Our mask with the reference's parameters."""
    asked = entry.parameters
    method = {
        "name": "extremal_perturbation",
        "areas": asked["areas"],
        "steps": asked["max_iter"],
        "variant": asked["variant"],
        "perturbation": asked["perturbation"],
        "levels": asked["num_levels"],
        "max_blur": asked["max_blur"],
        "border": "zero",
        "reward": asked["reward"],
        "score_range": None,
        "area_growth": 1.0035,
        "cell": asked["step"],
        "sigma": asked["sigma"],
        "margin": True,
        "learning_rate": asked["lr"],
    }
    target = {"kind": "class", "classes": [entry.target]}
    (found,) = te.explain(network(ROOT, entry.model), inputs(ROOT, entry.model)["x"], methods=[method], target=target)
    assert found.status == "ok", found.reason
    return found


@pytest.mark.parametrize("entry", [e for e in REACHED if "blur" in e.variant], ids=name)
@torch.no_grad()
def test_masked_image_is_that_of_the_reference(entry: Entry) -> None:
    """The reference's own mask scores with us what it scored there."""
    stored, image = arrays(ROOT, entry), inputs(ROOT, entry.model)["x"][0]
    levels = Blurred(entry.parameters["num_levels"], entry.parameters["max_blur"], "zero").levels_of(image)

    def score(mask: Tensor) -> float:
        return float(network(ROOT, entry.model)(seen_through(mask, levels))[0, entry.target])

    assert score(stored["mask"]) == pytest.approx(float(stored["score_preserve"]), rel=1e-4)
    assert score(1 - stored["mask"]) == pytest.approx(float(stored["score_delete"]), rel=1e-4)
