"""Runs that are made without a page, and looked at with one."""

from __future__ import annotations

import time
from typing import Any

import httpx2


def run(link: str, config: dict[str, Any], seconds: float = 180) -> str:
    """Start a run by the API and wait until it is done; its id."""
    with httpx2.Client(base_url=link.partition("?")[0], timeout=60) as client:
        client.get(link)
        started = client.post("/api/runs", json=config)
        assert started.status_code == 201, started.text
        name = str(started.json()["id"])
        end = time.monotonic() + seconds
        while (row := client.get(f"/api/runs/{name}").json())["status"] != "done":
            assert row["status"] in ("queued", "running"), row["error"]
            assert time.monotonic() < end, f"{name} takes too long"
            time.sleep(0.2)
    return name


def config(model: str, *methods: Any, **more: Any) -> dict[str, Any]:
    """A config of the page, on the small volume."""
    return {
        "model": {"catalogue": model},
        "images": [{"path": ["f/0/small.nii.gz"], "name": "small"}],
        "target": {"kind": "region", "class": "inside", "box": [[3, 9], [4, 10], [5, 11]]},
        "methods": list(methods),
        **more,
    }
