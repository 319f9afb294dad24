"""Verdicts and cascades of a run, as the table of maps and the viewer get them."""

from __future__ import annotations

import base64
import json
import shutil
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load_file

from torchesegeta.verdict import QUESTIONS

from .project import SHAPE, Project, wait_for


@pytest.fixture(scope="module")
def judged(client: TestClient, shared: Project) -> str:
    """A run whose config asks for a verdict, as the page's form does."""
    config = shared.config(
        target={"kind": "multiclass", "classes": ["inside"]}, evaluation={"metrics": ["gini"], "verdict": {}}
    )
    run = str(client.post("/api/runs", json=config).json()["id"])
    row = wait_for(client, run, "done", "failed")
    assert row["status"] == "done", row["error"]
    return run


@pytest.fixture
def map_row(client: TestClient, judged: str) -> dict[str, Any]:
    (row,) = client.get(f"/api/runs/{judged}/maps").json()
    assert isinstance(row, dict)
    return row


def test_a_map_has_its_methods_verdict(map_row: dict[str, Any], judged: str, shared: Project) -> None:
    (told,) = json.loads((shared.runs / judged / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    assert [one["name"] for one in map_row["verdict"]] == list(QUESTIONS)
    for one in map_row["verdict"]:
        answer, question = told["answers"][one["name"]], QUESTIONS[one["name"]]
        assert {key: one[key] for key in answer} == answer
        assert (one["question"], one["figure"]) == (question.text, question.figure)
        assert one["rule"].startswith("yes ")
    assert {one["word"] for one in map_row["verdict"]} <= {"yes", "weak", "no", "not claimed"}


def test_the_table_changes_with_the_verdicts(client: TestClient, judged: str, shared: Project) -> None:
    folder = shared.runs / "changed"
    shutil.copytree(shared.runs / judged, folder)
    file = folder / "verdicts.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    assert client.get("/api/runs/changed/maps").json()[0]["verdict"]
    content["verdicts"][0]["answers"]["stable"]["word"] = "no"
    content["verdicts"][0]["label"] = "saliency"
    file.write_text(json.dumps(content, indent=3), encoding="utf-8")
    assert client.get("/api/runs/changed/maps").json()[0]["verdict"][1]["word"] == "no"
    for damaged in ("{", "[]", '{"verdicts": 3}', '{"verdicts": [{}], "questions": []}', '{"verdicts": [[]]}'):
        file.write_text(damaged, encoding="utf-8")
        assert client.get("/api/runs/changed/maps").json()[0]["verdict"] == [], damaged
    file.unlink()
    assert client.get("/api/runs/changed/maps").json()[0]["verdict"] == []


def test_a_cascade_step_by_step(client: TestClient, map_row: dict[str, Any], judged: str, shared: Project) -> None:
    assert map_row["cascades"] == ["cascading_randomisation"]
    (file,) = (shared.runs / judged / "evaluation").rglob("cascading_randomisation*.safetensors")
    kept = load_file(file)
    address = f"/api/runs/{judged}/maps/{map_row['id']}/cascade"
    first = client.get(address).json()
    assert first["steps"][0] == "original"
    assert len(first["steps"]) == len(first["similarity"]) == len(kept["axis0"]) > 1
    assert first["similarity"][0] == pytest.approx(1)
    last = client.get(address, params={"step": len(first["steps"]) - 1, "metric": "cascading_randomisation"}).json()
    axial, coronal, sagittal = (_picture(view) for view in last["views"])
    assert [view["name"] for view in last["views"]] == ["axial", "coronal", "sagittal"]
    np.testing.assert_array_equal(axial, kept["axis2"][-1].T[::-1, ::-1])
    np.testing.assert_array_equal(coronal, kept["axis1"][-1].T[::-1, ::-1])
    np.testing.assert_array_equal(sagittal, kept["axis0"][-1].T[::-1, ::-1])
    assert axial.shape == (SHAPE[1], SHAPE[0])
    assert last["views"][1]["spacing"] == [2, 3]
    assert last["views"][0]["marks"] == ["R", "L", "A", "P"]


def test_what_there_is_not(client: TestClient, map_row: dict[str, Any], judged: str, shared: Project) -> None:
    address = f"/api/runs/{judged}/maps/{map_row['id']}/cascade"
    assert client.get(address, params={"step": 99}).status_code == 404
    assert client.get(address, params={"step": -1}).status_code == 422
    assert client.get(address, params={"metric": "gini"}).status_code == 404
    folder = shared.runs / "damaged"
    shutil.copytree(shared.runs / judged, folder)
    (file,) = (folder / "evaluation").rglob("cascading_randomisation*.safetensors")
    for content in (b"", b"nonsense", file.read_bytes()[:-9]):
        file.write_bytes(content)
        answer = client.get(address.replace(judged, "damaged"))
        assert (answer.status_code, "damaged" in answer.text) == (404, True)
    file.unlink()
    file.symlink_to(shared.models)
    assert client.get(address.replace(judged, "damaged")).status_code == 404


def _picture(view: dict[str, Any]) -> Any:
    values = np.frombuffer(base64.b64decode(view["values"]), dtype="<f4")
    return values.reshape(view["height"], view["width"])
