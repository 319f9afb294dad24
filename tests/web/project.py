"""A server on a folder with models, images and runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from torchesegeta.web.app import create
from torchesegeta.web.settings import Settings, prepare

NETS = '''
import time
from pathlib import Path

from torch import nn


class Volume(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 3, padding=1))


class Picture(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))


class Classifier(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3))


class Held(Volume):
    """A pass over several points waits while a file exists."""

    def __init__(self, hold):
        super().__init__()
        self.hold = Path(hold)

    def forward(self, x):
        while len(x) > 1 and self.hold.exists():
            self.hold.with_suffix(".reached").touch()
            time.sleep(0.02)
        return super().forward(x)
'''
SHAPE = (12, 13, 14)
AFFINE = np.array([[2.0, 0, 0, -10], [0, 2, 0, -20], [0, 0, 3, 5], [0, 0, 0, 1]])


class Project:
    """A folder with `models.json`, `images/` and `runs/`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images, self.runs = folder, folder / "images", folder / "runs"
        self.hold = folder / "hold"
        self.images.mkdir()
        self.runs.mkdir()
        (folder / "nets.py").write_text(NETS, encoding="utf-8")
        classes = {"activation": "softmax", "class_names": ["outside", "inside"]}
        models = [
            self._model("volume", 3, {"factory": "nets.py:Volume", **classes}, accepts_checkpoint=True),
            self._model("picture", 2, {"factory": "nets.py:Picture", **classes}, channels=3),
            self._model("classifier", 3, {"factory": "nets.py:Classifier"}, task="classification"),
            self._model("held", 3, {"factory": "nets.py:Held", "arguments": {"hold": str(self.hold)}, **classes}),
        ]
        self.models = folder / "models.json"
        self.models.write_text(json.dumps({"models": models}), encoding="utf-8")
        random = np.random.default_rng(0)
        self.volume(self.images / "head.nii.gz", random.random(SHAPE, dtype=np.float32))
        self.volume(self.images / "label.nii.gz", (random.random(SHAPE) > 0.5).astype(np.uint8))
        colours = random.integers(0, 255, (10, 16, 3), dtype=np.uint8)
        Image.fromarray(colours).save(self.images / "colours.png")

    def _model(self, name: str, dims: int, model: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"id": name, "name": name.title(), "spatial_dims": dims, "model": model, "task": "segmentation", **more}

    @staticmethod
    def volume(path: Path, values: Any) -> None:
        """Write a NIfTI file."""
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)

    def settings(self, **changes: Any) -> Settings:
        """Those of a server on this folder."""
        values: dict[str, Any] = {"runs": self.runs, "images": (self.images,), "models": self.models, "token": "key"}
        return Settings(**{**values, **changes})

    @contextmanager
    def client(self, **changes: Any) -> Iterator[TestClient]:
        """A browser that was let in, on a server of its own."""
        settings = self.settings(**changes)
        with prepare(settings), TestClient(create(settings), base_url="http://127.0.0.1:8765") as client:
            assert client.get("/?token=key").status_code == 200
            yield client

    def config(self, model: str = "volume", image: str = "f/0/head.nii.gz", **changes: Any) -> dict[str, Any]:
        """A config as the page makes it."""
        config = {
            "model": {"catalogue": model},
            "images": [{"path": [image], "name": "head"}],
            "target": {"kind": "multiclass"},
            "methods": ["saliency"],
            "output": "first",
            **changes,
        }
        return {key: value for key, value in config.items() if value is not None}


def wait_for(client: TestClient, run: str, *statuses: str, seconds: float = 120) -> dict[str, Any]:
    """A run's row, once it has one of the statuses."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        row: dict[str, Any] = client.get(f"/api/runs/{run}").json()
        if row["status"] in statuses:
            return row
        time.sleep(0.1)
    pytest.fail(f"{run} is {row['status']}, not one of {statuses}: {client.get(f'/api/runs/{run}/log').text}")


def wait_until_held(project: Project, seconds: float = 120) -> None:
    """Wait until the held model stands in a pass."""
    end = time.monotonic() + seconds
    while not project.hold.with_suffix(".reached").exists():
        assert time.monotonic() < end, "the model was not reached"
        time.sleep(0.05)
