"""Runs over many images: what planning and bookkeeping cost for each image and method."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import Row
from torchesegeta.execute import Event, execute
from torchesegeta.ledger import read_manifest

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.head(self.body(x).relu())
"""
METHODS: list[Any] = [
    "saliency",
    "input_x_gradient",
    "layer_gradcam",
    {"name": "integrated_gradients", "steps": 2},
    {"name": "smoothgrad", "samples": 2},
]


@dataclass
class Times:
    """A run over many images, in seconds.

    Attributes:
        ready: From the start to the first job.
        working: From the first job's beginning to the last one's end.
        sweeping: Of it, in sweeps.
        resumed: A second run, which finds nothing to do.
    """

    ready: float
    working: float
    sweeping: float
    resumed: float


def dataset_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """A thousand small images and a trivial model, no figures; maps are stored as ever."""
    os.environ["OMP_NUM_THREADS"] = "1"
    images = 20 if quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder), images)
    count = images * len(METHODS)
    whole, between = 1000 * times.working / count, 1000 * (times.working - times.sweeping) / count
    what = f"{images:,} images × {len(METHODS)} methods"
    yield Row(f"{what}: beside the sweeps", "an image and method", f"{between:.1f} ms", "", "< 5 ms", between < 5)
    yield Row(f"{what}: with them", "an image and method", f"{whole:.1f} ms", "", "", None)
    yield Row(f"{what}: from the start to the first job", "", f"{times.ready:.1f} s", "", "", None)
    yield Row(f"{what}: again, with nothing to do", "", f"{times.resumed:.1f} s", "", "", None)


def write_project(folder: Path, images: int) -> Path:
    """A config over that many pictures of 16 × 16."""
    (folder / "net.py").write_text(NET)
    (folder / "scans").mkdir()
    for number in range(images):
        values = np.random.default_rng(number).random((1, 16, 16), dtype=np.float32)
        np.save(folder / "scans" / f"{number:05d}.npy", values)
    config = {
        "model": {"factory": "net.py:Net"},
        "images": {"glob": "scans/*.npy"},
        "target": {"kind": "multiclass", "classes": [1]},
        "layers": ["body"],
        "methods": METHODS,
        "figures": False,
        "output": "run",
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


def measure(folder: Path, images: int) -> Times:
    """Run over that many images, twice."""
    config, marks, start = write_project(folder, images), {}, time.perf_counter()

    def listen(event: Event) -> None:
        marks[event["kind"]] = time.perf_counter() - start

    outcome = execute(config, listen)
    assert outcome.exit_code == 0, outcome
    begun = time.perf_counter()
    execute(config, lambda event: None)
    maps = (record for record in read_manifest(folder / "run") if record["record"] == "map")
    sweeps = {(record["image"], record["seconds"]) for record in maps}
    ready = marks["started"]
    sweeping = sum(seconds for _, seconds in sweeps)
    return Times(ready, marks["done"] - ready, sweeping, time.perf_counter() - begun)
