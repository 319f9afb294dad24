"""Volumes in files: the same maps, little memory, nothing left behind, a clear word where the disk is full."""

from __future__ import annotations

import errno
import os
import threading
import time
from math import prod
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch

import torchesegeta as te
from torchesegeta.errors import StoreError
from torchesegeta.sweeps import memory, scratch
from torchesegeta.sweeps.scratch import Scratch

from .test_patches import LOGITS, PROBABILITIES, SHAPES, SIZES, image, net

CUT = {"size": SIZES[2], "overlap": 0.5, "blend": "gaussian"}
METHODS: list[Any] = [
    "saliency",
    {"name": "integrated_gradients", "steps": 3},
    {"name": "vargrad", "samples": 3},
    {"name": "occlusion", "window": 4},
    {"name": "layer_conductance", "steps": 3},
    "gradcam",
    "score_cam",
    "deeplift",
    {"name": "class_image", "steps": 2},
]


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every volume goes to a file; their sizes in values."""
    sizes: list[int] = []
    plain = torch.from_file

    def noted(*arguments: Any, **options: Any) -> torch.Tensor:
        sizes.append(options["size"])
        return plain(*arguments, **options)

    monkeypatch.setattr(scratch, "SMALL", 0)
    monkeypatch.setattr(scratch, "SHARE", 0.0)
    monkeypatch.setattr(torch, "from_file", noted)
    return sizes


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
def test_maps_are_the_same(target: Any, request: pytest.FixtureRequest) -> None:
    data = image(SHAPES[2])
    plain = te.explain(net(norm=False), data, METHODS, target, ["act"], patches=CUT)
    sizes = request.getfixturevalue("mapped")
    found = te.explain(net(norm=False), data, METHODS, target, ["act"], patches=CUT)
    assert sizes.count(3 * data.numel()) > 3 and sizes.count(data.numel()) > 5, "predictions, gradients"
    for mine, theirs in zip(found, plain, strict=True):
        assert mine.values is not None and theirs.values is not None, mine.reason
        assert torch.equal(mine.values, theirs.values), mine.method


def test_files_have_no_names(tmp_path: Path) -> None:
    values = Scratch(tmp_path, limit=0).zeros((3, 4), torch.ones(1, dtype=torch.float64))
    assert not any(tmp_path.iterdir())
    assert values.dtype == torch.float64 and tuple(values.shape) == (3, 4) and not values.any()
    values += 1
    assert float(values.sum()) == 12


def test_only_what_is_large_goes_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Scratch(tmp_path, limit=40)
    made.zeros((10,), torch.ones(1))
    assert made.mapped == 0
    kept = made.keep(torch.arange(11.0))
    assert made.mapped == 1 and torch.equal(kept, torch.arange(11.0))
    free = Scratch(tmp_path)
    monkeypatch.setattr(scratch, "SMALL", 16)
    monkeypatch.setattr(scratch, "available", lambda: 400)
    free.zeros((25,), torch.ones(1))
    assert free.mapped == 0
    free.zeros((26,), torch.ones(1))
    assert free.mapped == 1
    monkeypatch.setattr(scratch, "available", lambda: None)
    free.zeros((26,), torch.ones(1))
    assert free.mapped == 1, "not where the system does not tell"


def test_a_full_disk_is_said(mapped: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreError, match="has no room for a volume of .* that memory does not hold: No space left"):
        te.explain(net(), image(SHAPES[2]), ["saliency"], LOGITS, patches=CUT)
    with pytest.raises(StoreError, match="no file for a volume can be made in /nowhere"):
        Scratch(Path("/nowhere"), limit=0).zeros((3,), torch.ones(1))


def test_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = memory.available()
    assert found is None or found > 0
    system = tmp_path / "meminfo"
    system.write_text("MemTotal: 100 kB\nMemAvailable:   64 kB\n")
    monkeypatch.setattr(memory, "_SYSTEM", system)
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path)
    assert memory.available() == 64 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.available() == 64 * 1024
    (tmp_path / "memory.max").write_text("3000\n")
    assert memory.available() == 2000
    monkeypatch.setattr(memory, "_SYSTEM", tmp_path / "none")
    assert memory.available() is None


SHAPE = (256, 256, 192)


def anonymous() -> int:
    """Bytes of this process that are in no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def peak(shape: tuple[int, ...], in_files: bool) -> int:
    """Bytes that a map of a volume adds to a process, files left out; where asked for, every volume is one."""
    if in_files:
        scratch.SMALL, scratch.SHARE = 0, 0.0
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv3d(2, 3, 1)).eval()
    data, target = torch.rand(1, *shape), {"kind": "region", "class": 1, "box": [[0, n] for n in shape]}
    before, done, most = anonymous(), threading.Event(), [0]

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], anonymous())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    (one,) = te.explain(model, data, ["saliency"], target, patches={"size": 64, "overlap": 0.25})
    done.set()
    watcher.join()
    assert one.status == "ok", one.reason
    return most[0] - before


@pytest.mark.slow
@pytest.mark.parametrize(("in_files", "limit"), [(False, 5.0), (True, 3.1)])
def test_memory_of_a_large_volume(in_files: bool, limit: float) -> None:
    """Beside a patch: C_in + C_out + 1 volumes; in files all but image, point and map."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the system does not tell what is in files")
    at_once = {"MALLOC_MMAP_THRESHOLD_": str(2**16)}  # what is freed goes back to the system
    with patch.dict(os.environ, at_once), get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        one, whole = (pool.apply(peak, (shape, in_files)) for shape in ((64, 64, 64), SHAPE))
    volumes = (whole - one) / (4 * prod(SHAPE))
    assert volumes <= limit, volumes
