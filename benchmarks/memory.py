"""Peak memory, each figure from a process of its own: what a call adds to a process that is ready to make it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from unittest import mock

import torch
from torch import nn

import torchesegeta as te
from benchmarks.subject import Subject
from benchmarks.table import Row
from torchesegeta.sweeps.memory import PeakMemory, resident_peak

SMALL = Subject(48, (8, 16, 32))
LARGE = Subject()
Method = dict[str, object]


@dataclass(frozen=True)
class OneConvolution(Subject):
    """Next to nothing of a network: what remains is the method's own memory."""

    size: int = 96

    @cached_property
    def model(self) -> nn.Module:
        """One convolution."""
        torch.manual_seed(0)
        return nn.Conv3d(1, 2, 3, padding=1)


def _ours(subject: Subject, method: Method) -> None:
    te.explain(subject.model, subject.image, [method], target=subject.target, chunk_size=1)


def _captum(subject: Subject, method: Method) -> None:
    import captum.attr as attr

    if method["name"] == "integrated_gradients":
        path = attr.IntegratedGradients(subject.scores)
        path.attribute(subject.image, target=0, n_steps=method["steps"], internal_batch_size=1)
    else:
        tunnel = attr.NoiseTunnel(attr.Saliency(subject.scores))
        tunnel.attribute(subject.image, target=0, nt_samples=method["samples"], nt_samples_batch_size=1)


AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": str(2**16)}
"""Freed tensors go back to the system at once, so that a figure tells what a call holds, not how glibc's heap lies."""

Call = Callable[[Subject, Method], None]


def added(call: Call, subject: Subject, method: Method, processes: int) -> int:
    """Bytes that a call adds at its peak: the median of some processes."""
    with mock.patch.dict(os.environ, AT_ONCE), multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return int(statistics.median(pool.apply(_measure, (call, subject, method)) for _ in range(processes)))


def _measure(call: Call, subject: Subject, method: Method) -> int:
    warnings.simplefilter("ignore")
    _ = subject.target
    few = {k: 2 if isinstance(v, int) else v for k, v in method.items()}
    call(type(subject)(16, subject.features), few)  # imports, thread pools; code that the second point needs first
    gc.collect()
    with PeakMemory(torch.device("cpu")):
        pass
    before = resident_peak() or 0
    call(subject, method)
    return (resident_peak() or 0) - before


def memory_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Memory against the number of passes, and against Captum at one point at a time."""
    tiny, processes = Subject(16, (4, 8)), 1 if quick else 3
    counted = (
        ("integrated_gradients", "steps", SMALL, (10, 200), processes),
        ("smoothgrad", "samples", SMALL, (10, 200), processes),
        ("rise", "masks", OneConvolution(), (100, 1000), 1),  # a minute each
    )
    for name, count, subject, numbers, runs in counted:
        subject, part = (tiny, 10) if quick else (subject, 1)
        few, many = (added(_ours, subject, {"name": name, count: n // part}, runs) for n in numbers)
        share = many / max(few, 1)
        what, peer = f"{name}: memory of {numbers[1]} {count}", f"{numbers[0]} {count}"
        yield Row(what, peer, f"{share:.3f}", "", "0.95–1.05", abs(share - 1) <= 0.05)
    large = tiny if quick else LARGE
    for name, count, *_ in counted[:2]:
        method: Method = {"name": name, count: 6}
        share = added(_ours, large, method, processes) / max(added(_captum, large, method, processes), 1)
        what = f"{name}: memory, one point at a time"
        yield Row(what, "Captum 0.9", f"{share:.3f} of its memory", "", "≤ 1.00", share <= 1)
