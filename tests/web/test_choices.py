from __future__ import annotations

import json
from typing import Any

import nibabel
import numpy as np
import pytest
from fastapi.testclient import TestClient

import torchesegeta as te
from torchesegeta.config import RunConfig
from torchesegeta.errors import ConfigError
from torchesegeta.web.app import create
from torchesegeta.web.catalogue import about, load
from torchesegeta.web.configs import FIELDS

from .project import AFFINE, SHAPE, Project


def volume(content: bytes) -> Any:
    import gzip

    return nibabel.Nifti1Image.from_bytes(gzip.decompress(content))


def test_session(client: TestClient) -> None:
    session = client.get("/api/session").json()
    assert session["devices"][0] == {"name": "cpu", "title": "CPU"}
    assert "float32" in session["precisions"]


def test_the_catalogue_tells_no_paths(client: TestClient, shared: Project) -> None:
    answer = client.get("/api/models")
    assert [model["id"] for model in answer.json()] == ["volume", "picture", "classifier", "held"]
    assert str(shared.folder) not in answer.text
    assert "nets.py" not in answer.text


def test_methods_and_presets(client: TestClient) -> None:
    answer = client.get("/api/methods").json()
    assert {method["name"] for method in answer["methods"]} == set(te.methods())
    fields = {metric["name"]: set(metric["schema"]["properties"]) for metric in answer["metrics"]}
    assert fields == {name: set(metric.model_fields) for name, metric in te.metrics().items()}
    for preset in answer["presets"]:
        names = [one if isinstance(one, str) else one["name"] for one in preset["methods"]]
        assert names
        assert set(names) <= set(te.methods())


def test_layers_with_the_image_that_was_chosen(client: TestClient) -> None:
    chosen = client.get("/api/models/volume/layers", params={"image": "f/0/head.nii.gz"}).json()
    assert chosen[0] == {"name": "0", "kind": "Conv3d", "shapes": [[4, *SHAPE]], "calls": 1, "parameters": 112}
    noise = client.get("/api/models/picture/layers").json()
    assert noise[0]["shapes"] == [[4, 128, 128]]
    assert client.get("/api/models/nothing/layers").status_code == 404


def test_a_catalogue_that_is_wrong(project: Project) -> None:
    content = json.loads(project.models.read_text(encoding="utf-8"))
    content["models"][0]["spatial_dim"] = 3
    project.models.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"models\[0\].*'spatial_dim' does not exist.*'spatial_dims'"):
        create(project.settings())


def test_without_a_catalogue_there_is_the_demo(project: Project) -> None:
    pytest.importorskip("nilearn")
    project.settings().state.mkdir(parents=True)
    (entry,) = load(project.settings(models=None)).entries
    (example,) = about(entry).examples
    assert (example.spatial_dims, example.label) == (3, "m/brain-tissue/0/label")
    assert entry.accepts_checkpoint


def test_previews(client: TestClient) -> None:
    file = volume(client.get("/api/images/f%2F0%2Fhead.nii.gz/volume").content)
    assert file.shape == SHAPE
    np.testing.assert_allclose(file.affine, AFFINE)
    seen = volume(client.get("/api/images/f%2F0%2Fhead.nii.gz/volume?model=volume").content)
    np.testing.assert_array_equal(seen.get_fdata(), file.get_fdata())
    colours = volume(client.get("/api/images/f/0/colours.png/volume").content)
    assert colours.shape == (16, 10, 1, 1, 3)


def test_validation_names_every_field(client: TestClient, shared: Project) -> None:
    methods = ["salency", {"name": "occlusion", "window": 0}, "saliency", {"name": "rise", "maks": 3}]
    fields = client.post("/api/validate", json=shared.config(methods=methods, seed=-1)).json()["fields"]
    assert set(fields) == {"methods[0]", "methods[1].window", "methods[3]", "seed"}
    assert "nearest: 'saliency'" in fields["methods[0]"]
    assert "'masks'" in fields["methods[3]"]
    judged = shared.config(evaluation={"metrics": ["infidelty", {"name": "sensitivity", "samples": 0}]})
    fields = client.post("/api/validate", json=judged).json()["fields"]
    assert set(fields) == {"evaluation.metrics[0]", "evaluation.metrics[1].samples"}
    assert client.post("/api/validate", json=shared.config()).json()["fields"] == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": None}, "model"),
        ({"images": None}, "images"),
        ({"images": []}, "images"),
        ({"methods": None}, "methods"),
        ({"methods": ["saliency", "saliency"]}, "methods"),
        ({"output": ""}, "output"),
        ({"preprocess": [{"name": "SaveImage"}]}, "preprocess"),
        ({"execution": {"devices": ["cuda:99"]}}, "execution.devices[0]"),
        ({"execution": {"cluster": "tcp://evil.example"}}, "execution.cluster"),
        ({"target": {"kind": "nothing"}}, "target"),
        ({"surprise": 1}, "config"),
    ],
)
def test_what_is_wrong_has_a_field(client: TestClient, shared: Project, changes: Any, field: str) -> None:
    config = {key: value for key, value in {**shared.config(), **changes}.items() if value is not None}
    assert field in client.post("/api/validate", json=config).json()["fields"]
    refused = client.post("/api/runs", json=config)
    assert refused.status_code == 422
    assert field in refused.json()["fields"]


@pytest.mark.parametrize("key", ["factory", "arguments", "program"])
def test_factories_come_from_the_catalogue_alone(client: TestClient, shared: Project, key: str) -> None:
    config = {**shared.config(), "model": {"catalogue": "volume", key: "os:system"}}
    assert key in client.post("/api/validate", json=config).json()["fields"]["model"]
    plain = {**shared.config(), "model": {key: "os:system"}}
    assert "catalogue" in client.post("/api/validate", json=plain).json()["fields"]["model"]


def test_what_the_model_makes_impossible(client: TestClient, shared: Project) -> None:
    answer = client.post("/api/validate", json=shared.config()).json()
    assert "2 images" in answer["methods"]["activation_atlas"]
    assert "saliency" not in answer["methods"]


def test_a_plan(client: TestClient, shared: Project) -> None:
    plan = client.post("/api/plan", json=shared.config(methods=["saliency", "layer_gradcam", "rise"])).json()
    assert [job["methods"] for job in plan["jobs"]] == [["saliency", "layer_gradcam"], ["rise"]]
    wrong = client.post("/api/plan", json=shared.config(layers=["nothing"]))
    assert wrong.status_code == 422
    assert "nothing" in wrong.json()["fields"]["layers[0]"]


def test_predictions(client: TestClient, shared: Project) -> None:
    predicted = volume(client.post("/api/predict", json=shared.config(methods=[])).content)
    assert predicted.shape == SHAPE
    assert set(np.unique(predicted.get_fdata())) <= {0, 1}
    classes = client.post("/api/predict", json=shared.config("classifier", methods=[])).json()["classes"]
    assert [one["name"] for one in classes] == ["0", "1", "2"]
    assert sum(one["probability"] for one in classes) == pytest.approx(1, abs=1e-5)


def test_to_the_command_line_and_back(client: TestClient, shared: Project) -> None:
    config = shared.config(target={"kind": "region", "class": "inside", "mask": "f/0/label.nii.gz"})
    exported = client.post("/api/export", json=config).json()
    assert exported["config"]["images"][0]["path"] == [str(shared.images / "head.nii.gz")]
    assert exported["config"]["target"]["mask"] == str(shared.images / "label.nii.gz")
    assert exported["command"] == "esegeta run first.json"
    compile(exported["python"], "script", "exec")
    back = client.post("/api/import", json=exported["config"]).json()
    assert back["problems"] == []
    assert back["config"]["model"] == config["model"]
    assert back["config"]["images"] == config["images"]
    elsewhere = {**exported["config"], "images": [{"path": "/etc/passwd"}], "model": {"factory": "os:system"}}
    assert len(client.post("/api/import", json=elsewhere).json()["problems"]) == 2


def whole(shared: Project) -> dict[str, Any]:
    """A config of the browser that says whatever a config may say."""
    noise = {"baseline": {"kind": "image", "path": "f/0/label.nii.gz"}}
    return shared.config(
        images=[{"path": ["f/0/head.nii.gz"], "label": "f/0/label.nii.gz"}],
        target={"kind": "region", "class": "inside", "mask": "f/0/label.nii.gz"},
        layers=["0"],
        methods=["saliency", {"name": "integrated_gradients", "label": "from the label", "steps": 4, **noise}],
        evaluation={
            "metrics": ["gini", {"name": "sensitivity", "samples": 2}],
            "cascading_randomisation": {"methods": ["saliency"]},
            "verdict": {"stable_yes": 0.3},
        },
        patches={"size": [6, 6, 6], "overlap": 0.5, "blend": "gaussian"},
        precision="bfloat16",
        agreement=True,
        seed=3,
        channels="keep",
        figures=False,
        convention="neurological",
        execution={
            "devices": ["cpu"],
            "workers_per_device": 1,
            "timeout_s": 60,
            "chunk_size": 2,
            "executor": {"kind": "ray", "workers": 2},
            "scratch": "/scratch",
            "shard": "1/3",
        },
        notes=["For the reader."],
        output="whole",
    )


def test_a_config_comes_back_whole(client: TestClient, shared: Project) -> None:
    config = whole(shared)
    answer = client.post("/api/export", json=config)
    assert answer.status_code == 200, answer.text
    exported = answer.json()["config"]
    assert set(exported) == set(RunConfig.model_fields) - {"preprocess"}
    back = client.post("/api/import", json=exported).json()
    assert back == {"config": config, "problems": []}
    again = client.post("/api/export", json=back["config"]).json()["config"]
    assert again == exported
    fields = client.post("/api/validate", json=config).json()["fields"]
    assert set(fields) == {"execution.executor", "execution.scratch", "execution.shard"}
    assert client.post("/api/runs", json=config).status_code == 422
    config["execution"]["shard"] = "4/3"
    assert "shard" in client.post("/api/export", json=config).json()["error"]


def test_what_a_loaded_config_loses_is_named(client: TestClient, shared: Project) -> None:
    exported = client.post("/api/export", json=shared.config()).json()["config"]
    changed = {
        **exported,
        "model": {**exported["model"], "activation": "sigmoid", "checkpoint": "/elsewhere/weights.pt"},
        "preprocess": [{"name": "ScaleIntensity"}],
        "images": [{"glob": "scans/*.nii.gz"}, {**exported["images"][0], "label": "/elsewhere/label.nii.gz"}],
        "target": {"kind": "region", "class": 1, "mask": "/elsewhere/mask.nii.gz"},
    }
    problems = client.post("/api/import", json=changed).json()["problems"]
    for word in ("activation", "weights.pt", "preprocessing", "pattern", "/elsewhere/label", "/elsewhere/mask"):
        assert any(word in problem for problem in problems), (word, problems)
    assert len(problems) == 6


@pytest.mark.parametrize(
    "images",
    ["/etc/*", {"path": "/etc/*"}, ["/etc/passwd"], [{"path": "/etc/*"}], [{"path": {"glob": "/etc/*"}}],
     [{"path": ["f/0/head.nii.gz"], "table": "/etc/passwd"}], [{"path": None}], [[]]],
)  # fmt: skip
def test_images_are_references_and_nothing_else(client: TestClient, shared: Project, images: Any) -> None:
    fields = client.post("/api/validate", json={**shared.config(), "images": images}).json()["fields"]
    assert any(field.startswith("images") for field in fields)
    assert client.post("/api/predict", json={**shared.config(), "images": images}).status_code == 422


def test_fields_that_could_name_files(client: TestClient, shared: Project) -> None:
    for field in set(RunConfig.model_fields) - set(FIELDS):
        fields = client.post("/api/validate", json={**shared.config(), field: ["/etc/passwd"]}).json()["fields"]
        assert field in fields
    scratch = client.post("/api/validate", json={**shared.config(), "execution": {"scratch": "/etc"}}).json()["fields"]
    assert set(scratch) == {"execution.scratch"}
    assert "command line" in scratch["execution.scratch"]
