"""Runs on several GPUs, as far as it can be told without any: who is where, and what is done for a GPU."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from torchesegeta.config import load_config
from torchesegeta.errors import ConfigError
from torchesegeta.execute import running
from torchesegeta.execute.process import WorkerProcess
from torchesegeta.execute.tickets import Queue, Ticket
from torchesegeta.execute.worker import GPU_FAILED
from torchesegeta.plan import threads, workers
from torchesegeta.sweeps import runner

from .project import Project


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("execution", "devices"),
    [
        ({"devices": ["cuda:0", "cuda:1"]}, ["cuda:0", "cuda:1"]),
        ({"devices": "auto"}, ["cuda:0", "cuda:1"]),
        ({"devices": ["cuda:0", "cuda:1"], "workers_per_device": 2}, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        ({"devices": "cuda:1", "workers_per_device": 3}, ["cuda:1"] * 3),
        ({"devices": ["cuda:1", "cpu"]}, ["cuda:1", "cpu"]),
    ],
)
def test_workers_take_turns_on_the_devices(tmp_path: Path, execution: dict[str, Any], devices: list[str]) -> None:
    config = load_config(Project(tmp_path).config(execution=execution))
    assert workers(config) == devices
    assert threads(config) == max(1, torch.get_num_threads() // len(devices))


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (["cuda:0", "cuda:2"], r"devices\[1\]: 'cuda:2' is not available here; allowed: 'cpu', 'cuda:0', 'cuda:1'"),
        (["cuda", "cuda:0"], r"devices\[1\]: 'cuda:0' stands twice; 'workers_per_device' gives it several workers"),
    ],
)
def test_devices_that_are_not_there(tmp_path: Path, devices: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        workers(load_config(Project(tmp_path).config(execution={"devices": devices})))


def test_jobs_go_to_four_workers_image_by_image() -> None:
    tickets = [Ticket(image, (label,), passes) for image in "ab" for label, passes in [("x", 9), ("y", 5), ("z", 1)]]
    queue = Queue(tickets, costly_first=True)
    first = [queue.next(None) for _ in range(4)]
    assert [(t.image, t.labels) for t in first if t] == [("a", ("x",)), ("b", ("x",)), ("a", ("y",)), ("b", ("y",))]


def test_float32_is_no_tf32_meanwhile() -> None:
    flags = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [one.allow_tf32 for one in flags]
    with runner._whole_float32():
        assert [one.allow_tf32 for one in flags] == [False, False]
    assert [one.allow_tf32 for one in flags] == before


@pytest.mark.parametrize(
    ("device", "broken", "ends"), [("cuda:1", True, True), ("cuda:1", False, False), ("cpu", True, False)]
)
def test_a_worker_whose_gpu_failed_ends(monkeypatch: pytest.MonkeyPatch, device: str, broken: bool, ends: bool) -> None:
    statuses: list[int] = []

    def synchronize(where: torch.device) -> None:
        assert where == torch.device("cuda:1")
        if broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr(os, "_exit", statuses.append)
    plan: Any = SimpleNamespace(
        runner=SimpleNamespace(device=torch.device(device)), config=SimpleNamespace(output=Path()), own=[]
    )
    running._Worker(plan, lambda message: None)._end_if_gpu_failed()
    assert statuses == ([GPU_FAILED] if ends else [])


def test_its_death_is_explained(project: Project) -> None:
    worker = WorkerProcess(str(project.config()), "info", 0)
    worker._process = SimpleNamespace(join=lambda: None, exitcode=GPU_FAILED)  # type: ignore[assignment]
    assert worker.death == "the worker process ended itself, since the GPU failed in it (see log.txt)"
