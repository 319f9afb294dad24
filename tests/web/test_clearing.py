"""Old uploads go, but none that a run needs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fastapi.testclient import TestClient

from torchesegeta.web.clearing import KEPT_DAYS

from .project import Project, wait_for


def upload(client: TestClient, project: Project, *, days: float) -> tuple[str, Path]:
    """The reference and the folder of an upload that came some days ago."""
    content = (project.images / "head.nii.gz").read_bytes()
    ref = str(client.post("/api/uploads?name=head.nii.gz", content=content).json()["ref"])
    folder = project.settings().uploads / ref.partition("/")[2]
    then = time.time() - days * 24 * 3600
    os.utime(folder, (then, then))
    return ref, folder


def test_old_uploads_that_no_run_needs_are_deleted(project: Project) -> None:
    project.hold.touch()
    try:
        with project.client() as client:
            _, young = upload(client, project, days=KEPT_DAYS - 1)
            _, forgotten = upload(client, project, days=KEPT_DAYS + 1)
            refs, needed = zip(*(upload(client, project, days=KEPT_DAYS + 1) for _ in range(3)), strict=True)
            done = client.post("/api/runs", json=project.config(image=refs[0])).json()["id"]
            assert wait_for(client, done, "done", "failed")["status"] == "done"
            removed = client.post("/api/runs", json=project.config(image=refs[1], output="removed")).json()["id"]
            assert wait_for(client, removed, "done", "failed")["status"] == "done"
            assert client.delete(f"/api/runs/{removed}").status_code == 204
            slow = {"name": "integrated_gradients", "steps": 4}
            client.post("/api/runs", json=project.config("held", methods=[slow], output="held"))
            queued = client.post("/api/runs", json=project.config(image=refs[2], output="queued")).json()
            assert queued["status"] == "queued"
        with project.client() as client:
            assert not forgotten.exists()
            assert young.exists()
            assert all(
                folder.exists() for folder in needed
            )  # finished, taken from the list with its folder kept, queued
            project.hold.unlink()
            assert wait_for(client, "queued", "done", "failed")["status"] == "done"
    finally:
        project.hold.unlink(missing_ok=True)
