"""Precision: passes in half precision beside the same in float32."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

import torchesegeta as te
from benchmarks.subject import Subject
from benchmarks.table import Row, slower_row
from benchmarks.timing import compare
from torchesegeta.types import Precision

SMALL = Subject(16, (4, 8, 8, 8))
METHODS: tuple[dict[str, object], ...] = (
    {"name": "saliency"},
    {"name": "integrated_gradients", "steps": 8},
    {"name": "occlusion", "window": 16},
)


def precision_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Autocast on the CPU and, where there is one, on the GPU; without an aim: it is the processor's doing."""
    subject = SMALL if quick else Subject()
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for method in METHODS:
            run = partial(_explain, subject, method, device)
            ratio = compare(partial(run, "amp"), partial(run, "float32"), max(1, pairs // 5))
            yield slower_row(f"{method['name']}, amp on {device}", "itself in float32", ratio, at_most=None)


def _explain(subject: Subject, method: dict[str, object], device: str, precision: Precision) -> object:
    return te.explain(subject.model, subject.image, [method], target=subject.target, device=device, precision=precision)
