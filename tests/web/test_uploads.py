from __future__ import annotations

import gzip
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from safetensors.torch import save_file

from tests.headers import nifti

from .project import Project


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def send(client: TestClient, name: str, content: bytes, kind: str = "image") -> Any:
    return client.post("/api/uploads", params={"name": name, "kind": kind}, content=content)


def left(project: Project) -> list[str]:
    """What is in the folder of uploads."""
    return [path.name for path in project.settings().uploads.rglob("*") if path.is_file()]


def test_an_image(client: TestClient, shared: Project) -> None:
    content = (shared.images / "head.nii.gz").read_bytes()
    ref = send(client, "C:\\scans\\Head 1.nii.gz", content).json()
    assert ref["name"] == "Head_1.nii.gz"
    assert ref["shape"] == [12, 13, 14]
    assert ref["spatial_dims"] == 3
    assert client.get(f"/api/images/{ref['ref']}/volume").status_code == 200
    assert client.post("/api/validate", json=shared.config(image=ref["ref"])).json()["fields"] == {}


@pytest.mark.parametrize("name", ["../../evil.nii.gz", "/etc/cron.d/x.nii.gz", ".hidden.nii.gz", "a\0b.nii.gz"])
def test_names_stay_inside(project: Project, name: str) -> None:
    content = (project.images / "head.nii.gz").read_bytes()
    with project.client() as client:
        ref = send(client, name, content).json()
        assert "/" not in ref["name"]
        assert left(project) == [ref["name"]]


def refused(project: Project, name: str, content: bytes, kind: str = "image", **settings: Any) -> str:
    """What is said about a file that is refused; nothing is left of it."""
    with project.client(**settings) as client:
        answer = send(client, name, content, kind)
    assert answer.status_code in (413, 422), answer.text
    assert left(project) == []
    text = str(answer.json()["error"])
    assert str(project.folder) not in text
    return text


def test_too_large(project: Project) -> None:
    assert "larger than the 1000 bytes" in refused(project, "a.nii", b"\0" * 2000, most_upload=1000)


def test_other_formats(project: Project) -> None:
    assert "allowed: .nii.gz" in refused(project, "a.exe", b"MZ")
    assert "allowed: .safetensors" in refused(project, "a.pkl", b"x", "checkpoint")
    assert "empty" in refused(project, "a.nii", b"")


def test_a_header_of_3_gb(project: Project) -> None:
    content = nifti((1000, 1000, 750), b"\0" * 600)
    assert "says it holds 3 GB of values and has 600 bytes" in refused(project, "a.nii", content)
    assert "unpacks to 600 bytes" in refused(project, "a.nii.gz", gzip.compress(content))


def test_a_bomb_of_zeros(project: Project) -> None:
    content = gzip.compress(nifti((2, 3, 4), b"\0" * 2**26))
    assert "far more than" in refused(project, "a.nii.gz", content)


def test_pickles_are_never_loaded(project: Project, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    np.save(tmp_path / "a.npy", np.array([Bomb(touched)], dtype=object), allow_pickle=True)
    assert "Python objects" in refused(project, "a.npy", (tmp_path / "a.npy").read_bytes())
    torch.save({"w": Bomb(touched)}, tmp_path / "a.pt")
    said = refused(project, "a.pt", (tmp_path / "a.pt").read_bytes(), "checkpoint")
    assert "could run any code" in said
    assert "pathlib" in said
    assert "no file of torch.save" in refused(project, "a.pt", pickle.dumps(Bomb(touched)), "checkpoint")
    assert not touched.exists()


def test_a_zip_that_unpacks_to_more(project: Project, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\0" * 10**7)
    assert "unpacks to more" in refused(project, "a.pt", (tmp_path / "a.pt").read_bytes(), "checkpoint")


@pytest.mark.parametrize(
    "header",
    [
        b"no json",
        b"[1]",
        json.dumps({"w": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}).encode(),
        json.dumps({"w": {"data_offsets": "all"}}).encode(),
    ],
)
def test_damaged_safetensors(project: Project, header: bytes) -> None:
    content = len(header).to_bytes(8, "little") + header
    assert "safetensors file" in refused(project, "a.safetensors", content, "checkpoint")
    assert "safetensors file" in refused(project, "a.safetensors", content[:5], "checkpoint")


def test_a_checkpoint_for_a_known_architecture(project: Project, tmp_path: Path) -> None:
    conv = torch.nn.Conv3d
    net = torch.nn.Sequential(conv(1, 4, 3, padding=1), torch.nn.ReLU(), conv(4, 2, 3, padding=1))
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    with project.client() as client:
        ref = send(client, "w.safetensors", (tmp_path / "w.safetensors").read_bytes(), "checkpoint").json()["ref"]
        config = {**project.config(), "model": {"catalogue": "volume", "checkpoint": ref}}
        assert client.post("/api/validate", json=config).json()["fields"] == {}
        assert client.post("/api/plan", json=config).json()["warnings"] == []
        other = {**config, "model": {"catalogue": "picture", "checkpoint": ref}}
        assert "no other weights" in client.post("/api/validate", json=other).json()["fields"]["model.checkpoint"]
        served = {**config, "model": {"catalogue": "volume", "checkpoint": "f/0/head.nii.gz"}}
        assert "uploaded" in client.post("/api/validate", json=served).json()["fields"]["model.checkpoint"]
