from __future__ import annotations

import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.web.app import create
from torchesegeta.web.settings import Settings, check, prepare

from .project import Project

ADDRESSES = ("/api/runs", "/api/session", "/openapi.json", "/runs", "/static/index.html", "/api/nothing")


@pytest.fixture(scope="module")
def stranger(client: TestClient) -> TestClient:
    """A browser that was not let in, on the same server."""
    return TestClient(client.app, base_url="http://127.0.0.1:8765")


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_without_the_token(stranger: TestClient, address: str) -> None:
    refused = stranger.get(address)
    assert refused.status_code == 401
    assert "link" in refused.json()["error"]
    assert stranger.post(address).status_code == 401


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=k%00ey"])
def test_wrong_tokens_are_told_what_to_do(stranger: TestClient, query: str) -> None:
    page = stranger.get(f"/{query}")
    assert page.status_code == 401
    assert "esegeta serve" in page.text
    assert "set-cookie" not in page.headers


def test_the_cookie_is_kept_from_scripts_and_other_pages(client: TestClient) -> None:
    said = client.get("/?token=key").headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "key" not in said.partition("=")[2].partition(";")[0]


@pytest.mark.parametrize("cookie", ["", "esegeta_8765=wrong", "=;;", "esegeta_8765", "esegeta_8765=\xe4"])
def test_wrong_cookies(stranger: TestClient, cookie: str) -> None:
    assert stranger.get("/api/runs", headers={b"cookie": cookie.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8765", "192.168.1.5:8765", "evil.example@127.0.0.1", "", "[::1"]
)
def test_a_foreign_host_name(client: TestClient, host: str) -> None:
    assert client.get("/api/runs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:9000", "[::1]:8765"])
def test_names_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:3000", "https://127.0.0.1:8765"])
def test_a_foreign_origin(client: TestClient, origin: str) -> None:
    assert client.get("/api/runs", headers={"origin": origin}).status_code == 403
    assert client.post("/api/validate", json={}, headers={"origin": origin}).status_code == 403


def test_the_own_origin(client: TestClient) -> None:
    assert client.post("/api/validate", json={}, headers={"origin": "http://127.0.0.1:8765"}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_without_an_origin(client: TestClient, site: str) -> None:
    assert client.get("/api/runs", headers={"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}).status_code == 403


def test_other_machines_by_address_only(project: Project) -> None:
    settings = project.settings(host="0.0.0.0")
    with prepare(settings), TestClient(create(settings), base_url="http://10.1.2.3:8765") as client:
        assert client.get("/?token=key").status_code == 200
        assert client.get("/api/runs", headers={"host": "rebound.example:8765"}).status_code == 421


def test_nothing_is_loaded_from_elsewhere(client: TestClient) -> None:
    headers = client.get("/").headers
    assert "http" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_body_that_is_too_large(client: TestClient) -> None:
    refused = client.post("/api/validate", content=b"[" * (5 * 2**20), headers={"content-type": "application/json"})
    assert refused.status_code == 413
    assert "bytes" in refused.json()["error"]


OUTSIDE = (
    "f/0/../secret.nii.gz",
    "f/0/%2e%2e/secret.nii.gz",
    "f/0/link.nii.gz",
    "f/0/linked/secret.nii.gz",
    "f/1/secret.nii.gz",
    "f/-1/secret.nii.gz",
    "f/0//etc/passwd",
    "f/0/.hidden.nii.gz",
    "u/../queue.sqlite3",
    "u/..",
    "m/volume/0/0",
    "/etc/passwd",
    "f/0/\0",
    "",
)


@pytest.fixture(scope="module")
def trapped(shared: Project) -> Project:
    """A folder with links out of it, and what must not be seen."""
    secret = shared.folder / "secret.nii.gz"
    secret.write_bytes((shared.images / "head.nii.gz").read_bytes())
    os.symlink(secret, shared.images / "link.nii.gz")
    os.symlink(shared.folder, shared.images / "linked")
    (shared.images / ".hidden.nii.gz").write_bytes(secret.read_bytes())
    return shared


@pytest.mark.parametrize("ref", OUTSIDE)
def test_no_image_outside_the_served_folders(client: TestClient, trapped: Project, ref: str) -> None:
    from urllib.parse import quote

    assert client.get(f"/api/images/{quote(ref, safe='')}/volume").status_code in (404, 405)
    checked = client.post("/api/validate", json=trapped.config(image=ref)).json()
    assert "images[0].path[0]" in checked["fields"]
    named = trapped.config(methods=[{"name": "occlusion", "baseline": {"kind": "image", "path": ref}}])
    assert "methods[0].baseline.path" in client.post("/api/validate", json=named).json()["fields"]


def test_links_are_not_listed(client: TestClient, trapped: Project) -> None:
    top = client.get("/api/images").json()["folders"]
    listing = client.get("/api/images", params={"folder": top[0]}).json()
    assert listing["folders"] == []
    assert [image["name"] for image in listing["images"]] == ["colours.png", "head.nii.gz", "label.nii.gz"]


@pytest.mark.parametrize("folder", ["0/images/..", "0/images/linked", "0/..", "7/x", "0", "..", "/", "0/images/\0"])
def test_no_folder_outside(client: TestClient, trapped: Project, folder: str) -> None:
    assert client.get("/api/images", params={"folder": folder}).status_code == 404


def test_other_machines_only_where_it_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--allow-remote"):
        check(Settings(tmp_path, host="0.0.0.0"), remote=False)
    check(Settings(tmp_path, host="0.0.0.0"), remote=True)
    check(Settings(tmp_path, host="127.0.0.2"), remote=False)


def test_one_server_for_a_folder(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs")
    with prepare(settings), pytest.raises(StoreError, match="another server"):
        prepare(settings)
    prepare(settings).close()
