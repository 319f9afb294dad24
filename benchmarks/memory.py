"""Peak memory, each figure from a process of its own: what a call adds to a process that is ready to make it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import warnings
from collections.abc import Callable
from unittest import mock

from benchmarks.subject import Subject
from benchmarks.table import Row
from torchesegeta.sweeps.memory import PeakMemory, resident_peak

SMALL = Subject(48, (8, 16, 32))
LARGE = Subject()


def _ours(subject: Subject, method: dict[str, object]) -> None:
    import torchesegeta as te

    te.explain(subject.model, subject.image, [method], target=subject.target, chunk_size=1)


def _captum(subject: Subject, method: dict[str, object]) -> None:
    import captum.attr as attr

    if method["name"] == "integrated_gradients":
        path = attr.IntegratedGradients(subject.scores)
        path.attribute(subject.image, target=0, n_steps=method["steps"], internal_batch_size=1)
    else:
        tunnel = attr.NoiseTunnel(attr.Saliency(subject.scores))
        tunnel.attribute(subject.image, target=0, nt_samples=method["samples"], nt_samples_batch_size=1)


AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": str(2**16)}
"""Freed tensors go back to the system at once, so that a figure tells what a call holds, not how glibc's heap lies."""

Call = Callable[[Subject, dict[str, object]], None]


def added(call: Call, subject: Subject, method: dict[str, object]) -> int:
    """Bytes that a call adds at its peak: the median of three processes."""
    with mock.patch.dict(os.environ, AT_ONCE), multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return int(statistics.median(pool.apply(_measure, (call, subject, method)) for _ in range(3)))


def _measure(call: Call, subject: Subject, method: dict[str, object]) -> int:
    import torch

    warnings.simplefilter("ignore")
    _ = subject.target
    few = {k: 1 if isinstance(v, int) else v for k, v in method.items()}
    call(Subject(16, subject.features), few)  # imports, thread pools
    gc.collect()
    with PeakMemory(torch.device("cpu")):
        pass
    before = resident_peak() or 0
    call(subject, method)
    return (resident_peak() or 0) - before


def memory_rows() -> list[Row]:
    """Memory against the number of steps, and against Captum at one point at a time."""
    rows = []
    for name, count in (("integrated_gradients", "steps"), ("smoothgrad", "samples")):
        few, many = (added(_ours, SMALL, {"name": name, count: n}) for n in (10, 200))
        ratio = many / few
        rows.append(
            Row(
                f"{name}: memory of 200 {count}", f"10 {count}", f"{ratio:.3f}", "", "0.95–1.05", abs(ratio - 1) <= 0.05
            )
        )
    for name, count in (("integrated_gradients", "steps"), ("smoothgrad", "samples")):
        method: dict[str, object] = {"name": name, count: 6}
        share = added(_ours, LARGE, method) / added(_captum, LARGE, method)
        rows.append(
            Row(
                f"{name}: memory, one point at a time",
                "Captum 0.9",
                f"{share:.2f} of its memory",
                "",
                "≤ 1.00",
                share <= 1,
            )
        )
    return rows
