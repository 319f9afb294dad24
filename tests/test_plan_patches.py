"""Plans and runs of configs with patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import pytest

from torchesegeta.config import load_config
from torchesegeta.features import Features
from torchesegeta.jobs import run_job
from torchesegeta.ledger import read_run
from torchesegeta.plan import estimate, planned
from torchesegeta.sweeps.patch_counts import count_touched

from .execute.project import Project

PATCHES = {"size": 5, "overlap": 0.5}
METHODS: list[dict[str, Any]] = [
    {"name": "saliency"},
    {"name": "integrated_gradients", "steps": 3},
    {"name": "smoothgrad", "samples": 3},
    {"name": "guided_integrated_gradients", "steps": 2},
    {"name": "guided_backprop"},
    {"name": "deeplift"},
    {"name": "occlusion", "window": 3},
    {"name": "feature_ablation"},
    {"name": "rise", "masks": 3},
    {"name": "class_image", "steps": 2},
    {"name": "layer_conductance", "steps": 3, "layers": ["mid"]},
    {"name": "layer_deeplift", "layers": ["mid"]},
    {"name": "guided_gradcam", "layers": ["mid"]},
    {"name": "score_cam", "layers": ["mid"]},
    {"name": "ablation_cam", "layers": ["mid"]},
    {"name": "contrastive_excitation_backprop", "layers": [], "contrast_layer": "mid"},
    {"name": "layer_visualization", "steps": 2, "layers": ["mid"]},
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("target", [{"kind": "multiclass"}, {"kind": "multiclass", "score": "probability"}])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["name"])
def test_planned_passes_are_those_made(project: Project, method: dict[str, Any], target: dict[str, Any]) -> None:
    config = project.config(methods=[method], target=target, patches=PATCHES, layers=None)
    with planned(load_config(config)) as plan:
        (job,) = plan.jobs
        (cost,) = (found for _, found in estimate(plan))
        maps = list(run_job(job, plan.first))
    assert cost.passes == plan.passes(job) and cost.memory > 0
    assert plan.first.tiling is not None
    known = job.sweep.needs_ends and method["name"] not in ("deeplift", "layer_deeplift", "score_cam")
    ends = plan.first.tiling.count if known else 0
    for made in (made for made in maps if made.status == "ok"):  # the image's own score is known from planning
        assert made.passes == {**cost.passes, "forward": cost.passes["forward"] - ends}


def test_readers_of_layers_and_of_the_image_run_apart(project: Project) -> None:
    methods = [{"name": "integrated_gradients", "steps": 3}, {"name": "internal_influence", "steps": 3}]
    with planned(load_config(project.config(methods=methods, patches=PATCHES, layers=["mid"]))) as plan:
        (job,) = plan.jobs
        maps = list(run_job(job, plan.first))
        assert plan.first.tiling is not None
        assert {m.status for m in maps} == {"ok"}
        made = {**maps[0].passes, "forward": maps[0].passes["forward"] + plan.first.tiling.count}
        assert plan.passes(job) == made


@pytest.mark.parametrize("features", ["grid", 3, "voxels"])
def test_touched_patches_are_counted(project: Project, features: Any) -> None:
    with planned(load_config(project.config(patches=PATCHES))) as plan:
        data, tiling = plan.first.data, plan.first.tiling
        assert tiling is not None
        given = {"kind": "blocks", "size": features, "stride": 2} if isinstance(features, int) else {"kind": features}
        regions = Features.model_validate(given).resolve(data)
        marked = [regions.remove(data, data + 1, i) != data for i in range(regions.count)]
        expected = sum(bool(tiling.crop(one, p).any()) for one in marked for p in range(tiling.count))
        assert count_touched(regions, tiling) == expected


def test_a_run_with_patches(project: Project) -> None:
    config = project.config(methods=["saliency", "gradcam", "layer_activation", "activation_grid"], patches=PATCHES)
    events = project.run(config)
    assert events[-1]["kind"] == "finished", events[-1]
    maps = {record["label"]: record for record in project.maps()}
    assert {label: record["status"] for label, record in maps.items()} == {
        "saliency": "ok",
        "gradcam": "ok",
        "layer_activation": "ok",
        "activation_grid": "incompatible",
    }
    assert maps["layer_activation"]["layer"] == "enc"
    assert {nibabel.load(path).shape[:3] for path in project.output.rglob("*.nii.gz")} == {(8, 9, 10)}
    assert any("blended from 36 patches" in warning for warning in maps["layer_activation"]["warnings"])
    assert read_run(project.output)["config"]["patches"] == {**PATCHES, "blend": "constant", "axis": None}
    before = project.values()
    project.run(config)
    assert project.values() == before
    (refused,) = project.run(project.config(methods=["saliency"], patches={**PATCHES, "overlap": 0.25}))
    assert refused["kind"] == "refused" and "patches" in refused["text"]


def test_a_mistake_is_found_before_anything_runs(project: Project) -> None:
    assert "patches.size: [5, 5] has 2 numbers; the image has 3 axes" in project.refused(patches={"size": [5, 5]})
    assert "patches.overlap: 1.5 is not allowed" in project.refused(patches={"size": 5, "overlap": 1.5})
    assert "slices are for two-dimensional models" in project.refused(patches={"axis": 0})


def test_slices_of_a_volume(project: Project) -> None:
    model = {"factory": "net.py:Net", "arguments": {"dims": 2}}
    events = project.run(project.config(model=model, patches={"axis": 2}, layers=None, methods=["saliency", "gradcam"]))
    assert events[-1]["kind"] == "finished", events[-1]
    assert {record["status"] for record in project.maps()} == {"ok"}
