"""Several workers give what one gives, also when the run is killed on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from torchesegeta.execute import Event, execute
from torchesegeta.ledger import key_of, read_manifest

from .project import Project
from .test_processes import ESEGETA, is_alive, wait_for, workers_of

FEW: list[Any] = ["saliency", {"name": "smoothgrad", "samples": 3}, {"name": "rise", "masks": 20}]
METHODS: list[Any] = [
    *FEW,
    "layer_gradcam",
    "guided_backprop",
    {"name": "integrated_gradients", "steps": 3},
    {"name": "occlusion", "window": 4},
]
CHANCE = ("seconds", "peak_memory_bytes", "passes", "sha256", "measures", "matched", "retries")
"""What depends on the machine, or on which jobs a worker did before."""


def config(project: Project, name: str = "config.json", **changes: Any) -> Path:
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    return project.config(name, **{"images": images, "methods": METHODS, **changes})


def manifest(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The lines of the manifest, in whatever order, as far as they are not up to chance."""
    return {key_of(r): {k: v for k, v in r.items() if k not in CHANCE} for r in read_manifest(folder)}


def assert_same(project: Project, one: Path, other: Path) -> None:
    """The same manifest content, statuses and arrays."""
    assert manifest(one) == manifest(other)
    for name, content in project.values(one).items():
        if content != project.values(other)[name]:  # other numbers of threads
            mine, theirs = (nibabel.load(f / "attributions" / name).get_fdata() for f in (one, other))
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


def test_two_workers_give_what_one_gives(project: Project) -> None:
    events: list[Event] = []
    outcome = execute(config(project, methods=FEW, execution={"workers_per_device": 2}), events.append)
    assert outcome.exit_code == 0
    assert {event["worker"] for event in events if event["kind"] == "job"} == {0, 1}
    reading = [(event["worker"], event["image"]) for event in events if event["kind"] == "image"]
    assert len(set(reading)) == len(reading), "each worker reads an image once"
    project.run(config(project, "one.json", methods=FEW, output="one"))
    assert_same(project, project.output, project.folder / "one")
    if os.environ.get("OMP_NUM_THREADS") == "1":
        assert project.values() == project.values(project.folder / "one")
    log = (project.output / "log.txt").read_text().splitlines()
    assert all(line.startswith("\t") or len(line.split("\t")) == 5 for line in log)
    assert {tuple(line.split("\t")[2:4]) for line in log} >= {("b", "rise"), ("a", "smoothgrad")}


@pytest.mark.slow
def test_a_run_killed_at_any_moment_resumes_to_the_same(project: Project) -> None:
    undisturbed, began = config(project, "whole.json", output="whole"), time.monotonic()
    assert execute(undisturbed, lambda event: None).exit_code == 0
    duration = time.monotonic() - began
    chance, left = random.Random(0), 0
    for number in range(20):
        name = f"killed{number}"
        path = config(project, f"{name}.json", output=name, execution={"workers_per_device": 2})
        run = subprocess.Popen([*ESEGETA, "run", "--quiet", str(path)], env={**os.environ, "OMP_NUM_THREADS": "1"})
        wait_for((project.folder / name / "run.json").exists)
        time.sleep(chance.uniform(0, duration / 2))
        workers = workers_of(run.pid) if run.poll() is None else []
        run.send_signal(signal.SIGKILL)
        run.wait()
        wait_for(lambda workers=workers: not any(map(is_alive, workers)))  # type: ignore[misc]
        left += json.loads((project.folder / name / "run.json").read_text())["state"] == "running"
        project.run(path)
        assert_same(project, project.folder / name, project.folder / "whole")
        assert not list((project.folder / name).rglob(".part-*"))
    assert left > 5, "most were killed before their end"
