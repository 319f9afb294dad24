from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from .project import Project, wait_for, wait_until_held
from .test_choices import volume

OUTSIDE = (
    *("../../models.json", "%2e%2e/%2e%2e/models.json", "..%2f..%2fmodels.json", "/etc/passwd", "%00"),
    *("link.txt", ".lock", "figures"),
)
"""Files that are not in the run, or are not shown."""


@pytest.fixture(scope="module")
def done(client: TestClient, shared: Project) -> dict[str, Any]:
    """A run that has ended."""
    methods = ["saliency", "layer_gradcam", {"name": "guided_gradcam", "layers": ["1"]}]
    config = shared.config(
        methods=methods,
        layers=["0"],
        notes=["<script>alert(1)</script>"],
        evaluation={"metrics": ["gini", {"name": "sensitivity", "samples": 2}]},
    )
    config["images"][0]["label"] = "f/0/label.nii.gz"
    started = client.post("/api/runs", json=config)
    assert started.status_code == 201
    return wait_for(client, started.json()["id"], "done", "failed")


@pytest.fixture(scope="module")
def maps(client: TestClient, done: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/runs/{done['id']}/maps").json()
    return found


def test_a_run(client: TestClient, done: dict[str, Any], maps: list[dict[str, Any]]) -> None:
    assert done["status"] == "done", done["error"]
    assert done["counts"] == {"ok": len(maps)}
    assert all(set(one["metrics"]) == {"gini", "sensitivity"} for one in maps)
    assert all(isinstance(one["metrics"]["gini"], float) for one in maps)
    assert done["model"] == "Volume"
    assert [row["id"] for row in client.get("/api/runs").json()] == [done["id"]]
    assert "sweep" in client.get(f"/api/runs/{done['id']}/log").text
    assert client.get(f"/api/runs/{done['id']}/report").headers["content-security-policy"].startswith("sandbox")


def test_the_events_of_a_run_that_is_over(client: TestClient, done: dict[str, Any]) -> None:
    text = client.get(f"/api/runs/{done['id']}/events").text
    kinds = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("event")]
    assert kinds == ["state", "end"]
    state = json.loads(text.splitlines()[1].removeprefix("data: "))
    assert (state["status"], state["counts"]) == ("done", done["counts"])


def test_its_volumes(client: TestClient, done: dict[str, Any], maps: list[dict[str, Any]], shared: Project) -> None:
    (image,) = client.get(f"/api/runs/{done['id']}").json()["images"]
    shapes = [volume(client.get(image[kind]).content).shape for kind in ("volume", "label", "prediction")]
    assert shapes == [(12, 13, 14)] * 3
    for one in maps:
        shown = volume(client.get(one["volume"]).content)
        assert shown.shape == (12, 13, 14)
        assert client.get(one["figure"]).headers["content-type"] == "image/png"
    saliency = next(one for one in maps if one["method"] == "saliency")
    values = volume(client.get(saliency["volume"]).content)
    at = client.get(f"/api/runs/{done['id']}/maps/{saliency['id']}/value?at=3,4,5").json()
    assert at["value"] == pytest.approx(values.get_fdata()[3, 4, 5], rel=1e-6)
    np.testing.assert_allclose(at["position_mm"], [-4, -12, 20])
    assert client.get(f"/api/runs/{done['id']}/maps/{saliency['id']}/value?at=30,4,5").status_code == 422


def test_its_archive(client: TestClient, done: dict[str, Any], maps: list[dict[str, Any]]) -> None:
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/runs/{done['id']}/archive?what=maps").content)) as file:
        assert file.testzip() is None
        names = file.namelist()
    assert sum(name.startswith("first/attributions/") and name.endswith(".nii.gz") for name in names) == len(maps)
    assert not any("/." in name for name in names)


def test_files_of_the_run_alone(client: TestClient, done: dict[str, Any], shared: Project) -> None:
    run = f"/api/runs/{done['id']}"
    (shared.runs / "first" / "link.txt").symlink_to(shared.models)
    for name in OUTSIDE:
        assert client.get(f"{run}/files/{name}").status_code == 404, name
    with zipfile.ZipFile(io.BytesIO(client.get(f"{run}/archive").content)) as file:
        assert "first/link.txt" not in file.namelist()
    for name in ("..", "~1etc", "..~1..~1etc", ".esegeta", "nothing", "~", "first~1..~1first~1.."):
        assert client.get(f"/api/runs/{name}").status_code == 404, name


def test_a_taken_name_gets_a_number(client: TestClient, done: dict[str, Any], shared: Project) -> None:
    second = client.post("/api/runs", json=shared.config()).json()
    assert second["id"] == "first-2"
    client.post("/api/runs/first-2/cancel")
    wait_for(client, "first-2", "cancelled", "done")
    assert client.delete("/api/runs/first-2").status_code == 204
    assert client.get("/api/runs/first-2").status_code in (200, 404)
    assert [row["id"] for row in client.get("/api/runs").json()] == ["first"]


def test_two_runs_side_by_side(client: TestClient, done: dict[str, Any], shared: Project) -> None:
    shutil.copytree(shared.runs / "first", shared.runs / "others" / "copy", symlinks=True)
    pairs = client.get("/api/compare", params={"a": "first", "b": "others~1copy"}).json()["pairs"]
    assert pairs
    assert all(pair["a"]["id"] == pair["b"]["id"] for pair in pairs)


def test_a_run_folder_from_elsewhere(client: TestClient, done: dict[str, Any], shared: Project, tmp_path: Path) -> None:
    folder = shared.runs / "deeper" / "strange ~ name"
    shutil.copytree(shared.runs / "first", folder, symlinks=True)
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    secret = tmp_path / "head.nii.gz"
    shutil.copy(shared.images / "head.nii.gz", secret)
    about["images"][0]["path"] = [str(secret)]
    (folder / "run.json").write_text(json.dumps(about), encoding="utf-8")
    run = next(row for row in client.get("/api/runs").json() if row["name"] == "deeper/strange ~ name")
    assert run["status"] == "done"
    detail = client.get(f"/api/runs/{run['id']}").json()
    assert detail["images"][0]["volume"] is None  # its file is in no folder that is served
    assert not detail["resumable"]
    assert len(client.get(f"/api/runs/{run['id']}/maps").json()) == sum(done["counts"].values())
    assert client.post(f"/api/runs/{run['id']}/cancel").status_code == 409


def test_parts_of_a_data_set_stand_together(client: TestClient, done: dict[str, Any], shared: Project) -> None:
    def copy(name: str, started: str) -> None:
        shutil.copytree(shared.runs / "first", shared.runs / name, symlinks=True)
        about = json.loads((shared.runs / name / "run.json").read_text(encoding="utf-8"))
        (shared.runs / name / "run.json").write_text(json.dumps({**about, "started": started}), encoding="utf-8")

    copy("study/shard-3-of-3", "2031-01-01")
    copy("between", "2031-01-02")
    copy("study/shard-1-of-3", "2031-01-03")
    names = [row["name"] for row in client.get("/api/runs").json()]
    assert names[1:4] == ["study, part 1 of 3", "study, part 3 of 3", "between"]
    assert client.get("/api/runs/study~1shard-1-of-3").json()["name"] == "study, part 1 of 3"
    assert client.get("/api/runs/study~1shard-1-of-3/maps").json()


@pytest.fixture
def held(project: Project) -> Iterator[Project]:
    """Runs of the model `held` stand still until the fixture's end, at the latest."""
    project.hold.touch()
    yield project
    project.hold.unlink(missing_ok=True)


def test_cancel_reload_and_the_queue(held: Project) -> None:
    slow = {"name": "integrated_gradients", "steps": 4}
    with held.client() as client:
        client.post("/api/runs", json=held.config("held", methods=["saliency", slow]))
        client.post("/api/runs", json=held.config(output="second"))
        third = client.post("/api/runs", json=held.config(output="third")).json()
        assert third["place"] in (2, 3)
        wait_until_held(held)
        rows = {row["name"]: row for row in client.get("/api/runs").json()}
        assert [rows[n]["status"] for n in ("first", "second", "third")] == ["running", "queued", "queued"]
        assert rows["third"]["place"] == 2
        assert client.delete("/api/runs/first").status_code == 409

        assert client.post("/api/runs/third/cancel").json()["status"] == "cancelled"
        assert wait_for(client, "first", "running")["counts"] == {"ok": 2}  # the second job hangs, the first is there
        assert client.post("/api/runs/first/cancel").status_code == 200
        cancelled = wait_for(client, "first", "cancelled")
        assert cancelled["error"] is None
        assert wait_for(client, "second", "done", "failed")["status"] == "done"

        held.hold.unlink()
        assert client.post("/api/runs/first/resume").json()["status"] == "queued"
        assert wait_for(client, "first", "done", "failed")["counts"] == {"ok": 4}
        assert client.get("/api/runs/third").json()["status"] == "cancelled"


@pytest.mark.slow
def test_the_queue_outlives_the_server(held: Project) -> None:
    slow = {"name": "integrated_gradients", "steps": 4}
    with held.client() as client:
        client.post("/api/runs", json=held.config("held", methods=["saliency", slow]))
        client.post("/api/runs", json=held.config(output="second"))
        wait_until_held(held)
    held.hold.unlink()
    with held.client() as client:
        assert wait_for(client, "first", "done", "failed")["status"] == "done"
        assert wait_for(client, "second", "done", "failed")["status"] == "done"
        statuses = [row["status"] for row in client.get("/api/runs/first/maps").json()]
        assert statuses == ["ok"] * 4


def test_a_run_that_cannot_be(project: Project) -> None:
    with project.client() as client:
        (project.folder / "nets.py").write_text("def Volume(): raise ValueError('no weights today')", encoding="utf-8")
        client.post("/api/runs", json=project.config())
        failed = wait_for(client, "first", "failed", "done")
        assert "no weights today" in failed["error"]
        assert client.get("/api/runs/first/maps").json() == []


def test_the_folder_of_runs_may_be_a_run(client: TestClient, done: dict[str, Any], tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.runs.rmdir()
    shutil.copytree(Path(client.app.state.server.settings.runs) / "first", project.runs, symlinks=True)  # type: ignore[attr-defined]
    with project.client() as other:
        (row,) = other.get("/api/runs").json()
        assert (row["name"], row["status"], row["counts"]) == ("runs", "done", done["counts"])
        first = other.get(f"/api/runs/{row['id']}/maps").json()[0]
        assert other.get(first["volume"]).status_code == 200
        assert "end" in other.get(f"/api/runs/{row['id']}/events").text
