from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from torchesegeta.config import load_config, parse_config
from torchesegeta.errors import ConfigError, EsegetaError, ModelError
from torchesegeta.plan import estimate, name_images, planned

from .execute.project import Project

NET = {"factory": "net.py:Net"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def said(project: Project, **changes: Any) -> str:
    """What is said of a config that is wrong."""
    with pytest.raises(EsegetaError) as error, planned(load_config(project.config(**changes))):
        pass
    return str(error.value)


def test_methods_that_ask_for_the_same_sweep_share_a_job(project: Project) -> None:
    methods = ["saliency", "gradcam", {"name": "integrated_gradients", "steps": 3}, "layer_activation"]
    with planned(load_config(project.config(methods=methods, layers=["enc", "head"]))) as plan:
        labels = [[task.label for task in job.tasks] for job in plan.jobs]
        assert labels == [["saliency", "gradcam", "layer_activation"], ["integrated_gradients"]]
        assert [info.name for info in plan.layers] == ["enc", "mid", "act", "head"]


def test_without_layers_the_default_is_taken_only_where_it_is_needed(project: Project) -> None:
    with planned(load_config(project.config(layers=None, methods=["saliency", "gradcam"]))) as plan:
        assert [task.places for task in plan.jobs[0].tasks] == [(None,), ("mid",)]
    own = [{"name": "gradcam", "layers": ["head"]}]
    with planned(load_config(project.config(layers=None, methods=own))) as plan:
        assert plan.jobs[0].tasks[0].places == ("head",)


def _twin(label: str) -> dict[str, str]:
    return {"name": "saliency", "label": label}


def _named(name: str) -> dict[str, str]:
    return {"path": "a.nii.gz", "name": name}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ["saliancy"]}, "methods[0]: method 'saliancy' does not exist; nearest: 'saliency'"),
        ({"methods": ["saliency", "saliency"]}, "'saliency' stands 2 times; give each a 'label' of its own"),
        ({"methods": [_twin("a b"), _twin("a_b")]}, "methods: 'a b' and 'a_b' would give files of the same name"),
        ({"images": [_named("a b"), _named("a_b")]}, "images: 'a b' and 'a_b' would give files of the same name"),
        ({"model": {**NET, "class_names": ["x", "x"]}}, "model.class_names: the name 'x' stands 2 times"),
        ({"model": {**NET, "class_names": list("abcd")}}, "model.class_names: 4 names; the model has 3 classes"),
        ({"methods": [{"name": "saliency", "label": "a/b"}]}, "methods[0].label: 'a/b' cannot be part of a file name"),
        ({"methods": [{"name": "saliency", "absolut": True}]}, "methods[0]: field 'absolut' does not exist; nearest"),
        ({"methods": [{"name": "integrated_gradients", "steps": 0}]}, "methods[0].steps: 0 is not allowed; allowed: 1"),
        ({"layers": ["act", "encc"]}, "layers[1]: layer 'encc' does not exist in the model; nearest: 'enc'"),
        ({"layers": ["act"]}, "layers[0]: layer 'act' is called 2 times in a pass; name the call: act#0, act#1"),
        ({"layers": ["act#2"]}, "layers[0]: layer 'act#2': there are only 2 calls"),
        ({"methods": [{"name": "gradcam", "layers": ["hed"]}]}, "methods[0].layers[0]: layer 'hed' does not exist"),
        ({"target": 7}, "target: class 7 does not exist; the model has the classes 0 to 2"),
        ({"preprocess": [{"name": "ScaleIntensty"}]}, "preprocess[0]: transform 'ScaleIntensty' does not exist; near"),
        ({"execution": {"devices": ["gpu"]}}, "execution.devices[0]: 'gpu' is not a device; allowed: 'cpu'"),
        ({"execution": {"devices": ["cpu", "cpu:0"]}}, "execution.devices[1]: 'cpu:0' stands twice; 'workers_per_dev"),
        ({"execution": {"devices": ["auto", "cpu"]}}, "execution.devices[0]: 'auto' is not a device; allowed: 'cpu'"),
        ({"execution": {"devices": ["cuda:9"]}}, "execution.devices[0]: 'cuda:9' is not available here"),
        ({"images": [{"path": "aa.nii.gz"}]}, "images[0].path[0]: file 'aa.nii.gz' does not exist in"),
        ({"images": [{"path": "a.nii.gz", "label": "c.nii.gz"}]}, "images[0].label: file 'c.nii.gz' does not exist"),
        ({"images": [{"path": "."}]}, "is a folder; name a file in it"),
        ({"images": [{"path": "none/a.nii.gz"}]}, "images[0].path[0]: the folder"),
        ({"images": [{"path": "net.py"}]}, ".py is no image format; allowed: .nii.gz"),
        ({"images": [{"path": "a.nii.gz", "name": "../x"}]}, "images[0].name: the image name '../x' cannot be"),
        ({"images": [{"path": "cut.nii.gz"}]}, "cut.nii.gz cannot be read as NIfTI; is it complete"),
        ({"images": [{"path": "nan.nii.gz"}]}, "images[0]: nan.nii.gz has 1 NaN/Inf voxels"),
        ({"images": [{"path": "inf.nii.gz"}]}, "images[0]: inf.nii.gz has 1 NaN/Inf voxels"),
        ({"images": [{"path": "flat.nii.gz"}]}, "images[0]: flat.nii.gz has 2 spatial axes; 3 are wanted"),
        ({"images": [{"path": ["a.nii.gz", "b.nii.gz"]}]}, "images[0]: the model refuses an input of shape (1, 2, 8,"),
        ({"model": {**NET, "checkpoint": "other.pth"}}, "model.checkpoint: file 'other.pth' does not exist"),
        ({"model": {**NET, "checkpoint": "other.pt"}}, "does not fit the model: 6 missing (enc.weight, enc.bias"),
        ({"model": {**NET, "arguments": {"output": "nan"}}}, "images[0]: the model returns NaN or infinite values"),
        ({"model": {**NET, "arguments": {"dim": 2}}}, "model: argument 'dim' does not exist in Net(dims=3"),
        ({"model": {**NET, "output": 3}}, "model.output 3 is not a tensor of the model's output"),
        ({"model": {"factory": "net.py:Nett"}}, "model: factory 'Nett' does not exist"),
        ({"model": {"factory": "nett.py:Net"}}, "model: file 'nett.py' does not exist"),
        ({"model": {"factory": "net.py:broken"}}, "failed with RuntimeError: no weights today"),
        ({"model": {"factory": "net.py:number"}}, "must return a torch.nn.Module"),
        (
            {
                "model": {**NET, "class_names": ["air", "white", "grey"]},
                "target": {"kind": "class", "classes": ["whit"]},
            },
            "target: class 'whit' does not exist; nearest: 'white'",
        ),
    ],
)
def test_a_mistake_is_found_before_anything_runs(project: Project, changes: dict[str, Any], message: str) -> None:
    project.image("nan.nii.gz", value=float("nan"))
    project.image("inf.nii.gz", value=float("inf"))
    project.image("flat.nii.gz", shape=(8, 9))
    (project.folder / "cut.nii.gz").write_bytes((project.folder / "a.nii.gz").read_bytes()[:900])
    torch.save(nn.Linear(2, 2).state_dict(), project.folder / "other.pt")
    assert message in said(project, **changes)


@pytest.mark.parametrize(
    ("images", "names"),
    [
        ([{"path": "a.nii.gz"}, {"path": "deep/a.nii.gz"}], ["a", "a_1"]),
        ([{"path": "a.nii.gz"}, {"path": "b.nii.gz", "name": "a"}], ["a_0", "a"]),
        ([{"path": "a.nii.gz"}, {"path": "a_1.nii.gz"}, {"path": "deep/a.nii.gz"}], ["a", "a_1", "a_2"]),
        ([{"path": "head 1.nii.gz"}], ["head_1"]),
    ],
)
def test_images_get_names_of_their_own(project: Project, images: list[dict[str, str]], names: Sequence[str]) -> None:
    (project.folder / "deep").mkdir()
    for image in images:
        project.image(image["path"])
    config = parse_config({**_smallest(), "images": images}, project.folder)
    assert [image.name for image in name_images(config)] == names


def test_a_name_that_stands_twice_is_refused(project: Project) -> None:
    images = [{"path": "a.nii.gz", "name": "x"}, {"path": "b.nii.gz", "name": "x"}]
    with pytest.raises(ConfigError, match="the name 'x' stands 2 times"):
        name_images(parse_config({**_smallest(), "images": images}, project.folder))


def _smallest() -> dict[str, Any]:
    return {"model": NET, "images": [{"path": "a.nii.gz"}], "methods": ["saliency"], "output": "run"}


def test_the_estimate_counts_passes_as_they_are_run(project: Project) -> None:
    methods = [
        "saliency",
        {"name": "integrated_gradients", "steps": 3},
        "layer_activation",
        {"name": "vargrad", "samples": 5},
    ]
    path = project.config(methods=methods)
    with planned(load_config(path)) as plan:
        costs = {job.tasks[0].label: cost for job, cost in estimate(plan)}
        targets = len(plan.first.bound.names)
    assert costs["saliency"].passes == {"forward": 1, "backward": targets}
    assert all(cost.seconds > 0 and cost.memory > 300 * 2**20 for cost in costs.values())
    project.run(path)
    run = {record["label"]: record["passes"] for record in project.maps()}
    for label, cost in costs.items():
        assert cost.passes["backward"] == run[label]["backward"], label
        assert abs(cost.passes["forward"] - run[label]["forward"]) <= 1, label


def test_a_model_without_a_backward_pass_is_named(project: Project) -> None:
    config = load_config(project.config(model={**NET, "arguments": {"output": "cut"}}))
    with planned(config) as plan, pytest.raises(ModelError, match="fails in the backward pass: .*division by zero"):
        estimate(plan)


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the system does not tell the peak")
def test_the_memory_estimate_grows_with_the_layers_that_are_read(project: Project) -> None:
    def memory(layers: Sequence[str]) -> int:
        config = load_config(project.config(methods=["layer_activation"], layers=list(layers)))
        with planned(config) as plan:
            from torchesegeta.plan.estimate import _maps, _records

            (job,) = plan.jobs
            return _records(plan, job, 1) + _maps(plan, job, 1)

    values = 8 * 9 * 10
    assert memory(["head"]) == 4 * 2 * 3 * values
    assert memory(["head", "enc"]) == 4 * 2 * (3 + 4) * values
