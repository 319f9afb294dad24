"""Runs that are killed or run out of disk again and again come to the same end as one that is left alone."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torchesegeta.ledger import read_manifest

from .project import Project
from .test_processes import ESEGETA, workers_of

KILLS = 20
CHANGING = ("seconds", "peak_memory_bytes", "retries", "sha256")
"""What differs between two runs of the same; the files are compared by themselves."""
METHODS: list[Any] = [
    "saliency",
    "layer_gradcam",
    {"name": "smoothgrad", "samples": 4},
    {"name": "integrated_gradients", "steps": 4},
    {"name": "occlusion", "window": 4},
    {"name": "deep_dream", "octaves": 1, "steps": 2},
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(config: Path) -> subprocess.Popen[str]:
    command = [*ESEGETA, "run", "--quiet", str(config)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, env=ENVIRONMENT
    )


def lines(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """What the manifest says, without what differs from run to run."""
    found = {}
    for record in read_manifest(folder):
        key = tuple(str(record.get(name)) for name in ("record", "kind", "image", "label", "layer", "target"))
        assert key not in found, key
        found[key] = {name: value for name, value in record.items() if name not in CHANGING}
    return found


def whole(project: Project) -> tuple[Any, Any]:
    """Lines and maps of a run that was left alone."""
    project.run(project.config("whole.json", **settings(output="whole")))
    return lines(project.folder / "whole"), project.values(project.folder / "whole")


def settings(**changes: Any) -> dict[str, Any]:
    images = {"glob": "scans/*.nii.gz"}
    return {"images": images, "methods": METHODS, "execution": {"workers_per_device": 2}, **changes}


@pytest.fixture
def many(project: Project) -> Project:
    (project.folder / "scans").mkdir()
    for name in "abcd":
        project.image(f"scans/{name}.nii.gz", shape=(12, 13, 14))
    return project


@pytest.mark.slow
def test_a_run_killed_twenty_times_is_the_run_that_was_not(many: Project) -> None:
    expected = whole(many)
    config, draws = many.config(**settings()), random.Random(0)
    spread = _seconds(many)
    kills = 0
    while kills < KILLS:
        process = start(config)
        try:
            process.communicate(timeout=draws.uniform(0, spread))
        except subprocess.TimeoutExpired:
            workers = workers_of(process.pid)
            process.kill()
            process.communicate()
            kills += 1
            _wait_for_end(workers)
            assert not _half_written(many.output)
        else:
            shutil.rmtree(many.output)  # it came to its end: once more from the beginning
    process = start(config)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert (lines(many.output), many.values()) == expected
    assert not list(many.output.rglob(".part-*")) and many.state() == "finished"


def _seconds(project: Project) -> float:
    """What a run from the start takes."""
    begun = time.monotonic()
    start(project.config("timed.json", **settings(output="timed"))).communicate(timeout=300)
    return time.monotonic() - begun


def _wait_for_end(workers: list[int]) -> None:
    end = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < end, "workers outlive their run"
        time.sleep(0.02)


def _half_written(folder: Path) -> list[Path]:
    """Maps that cannot be read."""
    from torchesegeta.inputs import read_map

    def fails(path: Path) -> bool:
        try:
            read_map(path)
        except Exception:
            return True
        return False

    return [path for path in folder.rglob("*.nii.gz") if not path.name.startswith(".part-") and fails(path)]


@pytest.fixture
def small_disk(many: Project) -> Iterator[Path]:
    """A file system of 2 MiB where the run folder is to be."""
    if os.geteuid() or not sys.platform.startswith("linux"):
        pytest.skip("only root may mount")
    many.output.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(many.output)], capture_output=True)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield many.output
    finally:
        subprocess.run(["umount", "-l", str(many.output)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_full_disk_ends_the_run_and_it_goes_on_once_there_is_room(many: Project, small_disk: Path, seed: int) -> None:
    expected = whole(many)
    config = many.config(**settings())
    ballast = small_disk / "log.txt"
    ballast.write_bytes(bytes(random.Random(seed).randrange(0, 2**20)))
    process = start(config)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    assert "cannot be written: No space left on device" in output and "Traceback" not in output
    assert not _half_written(small_disk)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    process = start(config)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert (lines(many.output), many.values()) == expected
    assert not list(many.output.rglob(".part-*"))
