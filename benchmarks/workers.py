"""Runs in worker processes: what handing out jobs costs, and what a second worker brings."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.table import Row
from benchmarks.timing import ratio_of
from torchesegeta.execute import Event, execute

METHODS: list[Any] = [
    "saliency",
    "input_x_gradient",
    {"name": "smoothgrad", "samples": 16},
    {"name": "integrated_gradients", "steps": 16},
    {"name": "occlusion", "window": 16},
    {"name": "rise", "masks": 64},
]
"""Five jobs for each image, quick ones, so that what lies between jobs counts."""


@dataclass
class Times:
    """When the workers of a run were at work, in seconds.

    Attributes:
        ready: From the start of the run until its first job could begin.
        jobs: Number of jobs.
        waiting: Sum over the workers of the time between a job's end and what follows it.
        working: From the first job's beginning to the last one's end.
    """

    ready: float = 0.0
    jobs: int = 0
    waiting: float = 0.0
    working: float = 0.0
    _begun: float = field(default_factory=time.perf_counter)
    _first: float = 0.0
    _ended: dict[int, float] = field(default_factory=dict)

    def listen(self, event: Event) -> None:
        """Take in an event."""
        now = time.perf_counter()
        if event["kind"] == "started":
            self.ready, self._first = now - self._begun, now
        elif event["kind"] in ("image", "job") and (end := self._ended.pop(event["worker"], None)) is not None:
            self.waiting += now - end
        elif event["kind"] == "done":
            self.jobs += 1
            self.working = now - self._first
            self._ended[event["worker"]] = now


def worker_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Small pictures, whose maps take as long to draw and to write as to compute."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of the fork server, which starts now: a worker leaves the other cores idle
    images, pairs = (2, 1) if quick else (16, min(pairs, 5))
    runs = [(_run(images, 1, "cpu"), _run(images, 2, "cpu")) for _ in range(pairs)]
    shares = [one.waiting / one.working for one, _ in runs]
    long = runs[0][0]
    name = f"waiting for the next job, of {long.jobs} jobs in {long.working:.0f} s"
    spread = f"{min(shares):.2%}–{max(shares):.2%}"
    share = float(np.median(shares))
    yield Row(name, "the time of the run", f"{share:.2%}", spread, "< 2 %", share < 0.02)
    ratio = ratio_of([(one.working, two.working) for one, two in runs])
    spread = f"{ratio.low:.2f}–{ratio.high:.2f}"
    times = f"{ratio.median:.2f} × as fast"
    yield Row("two workers of one thread each", "one worker", times, spread, "≥ 1.5 ×", ratio.median >= 1.5)
    ready = sorted(one.ready for one, _ in runs)
    yield Row(
        "from the start to the first job", "", f"{np.median(ready):.1f} s", f"{ready[0]:.1f}–{ready[-1]:.1f}", "", None
    )
    if torch.cuda.is_available():
        yield from _rows_on_a_gpu(images, pairs)


def _rows_on_a_gpu(images: int, pairs: int) -> Iterator[Row]:
    """Workers that share a GPU; without an aim: how much of it one leaves idle depends on the network."""
    for workers in (2, 4):
        times = [(_run(images, 1, "cuda:0").working, _run(images, workers, "cuda:0").working) for _ in range(pairs)]
        ratio = ratio_of(times)
        figure, spread = f"{ratio.median:.2f} × as fast", f"{ratio.low:.2f}–{ratio.high:.2f}"
        yield Row(f"{workers} workers on a GPU", "one worker on it", figure, spread, "", None)


def _run(images: int, workers: int, device: str) -> Times:
    """Run a config of that many images, with that many workers on a device."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(images):
            np.save(Path(folder) / f"{number}.npy", np.random.default_rng(number).random((1, 96, 96), dtype=np.float32))
        arguments = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
        config = {
            "model": {"factory": "torchesegeta.models.nets:UNet", "arguments": arguments},
            "images": [{"path": f"{number}.npy"} for number in range(images)],
            "target": {"kind": "multiclass"},
            "methods": METHODS,
            "execution": {"devices": [device], "workers_per_device": workers},
            "output": "run",
        }
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config))
        times = Times()
        outcome = execute(path, times.listen)
        assert outcome.exit_code == 0, outcome
        return times
