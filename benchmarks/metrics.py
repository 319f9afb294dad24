"""Metrics along a ranking beside Quantus with the same images and steps, and beside bare forward passes.

Quantus asks for a build of OpenCV that needs a display, so it is no part of the extra `bench`: `pip install --no-deps
quantus==0.6.0 opencv-python-headless cachetools`. Without it its row is left out, with a word on why.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import torchesegeta as te
from benchmarks.subject import Subject
from benchmarks.table import Row, faster_row, slower_row
from benchmarks.timing import compare
from torchesegeta.sweeps.chunks import Chunks

QUANTUS = "Quantus 0.6"
STEPS = 16
CLASS = 3
CLOSE = 1e-3
"""By which the two curves, of probabilities, may differ."""


@dataclass(frozen=True)
class Flipping:
    """Two images with a map each, whose values become black one after the other."""

    size: int

    @cached_property
    def model(self) -> nn.Module:
        """A small classifier of five classes."""
        torch.manual_seed(0)
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)),
        ).eval()

    @cached_property
    def images(self) -> Tensor:
        """(2, 3, size, size)."""
        return torch.rand(2, 3, self.size, self.size, generator=torch.Generator().manual_seed(1))

    @cached_property
    def maps(self) -> list[te.Attribution]:
        """Noise, so that no two values are the same and the order is one."""
        images = [te.Image(image, name=str(number)) for number, image in enumerate(self.images)]
        target = {"kind": "class", "classes": [CLASS], "score": "probability"}
        made = te.explain(self.model, images, ["vanilla_backprop"], target)
        noise = torch.randn(self.images.shape, generator=torch.Generator().manual_seed(2))
        return [replace(one, values=values) for one, values in zip(made, noise, strict=True)]

    def ours(self) -> list[list[float]]:
        """The curves; every value of every channel is a feature."""
        images = [te.Image(image, name=str(number)) for number, image in enumerate(self.images)]
        features = {"kind": "voxels", "per_channel": True}
        curves = []
        for image, one in zip(images, self.maps, strict=True):
            black = float(image.data.min())
            wanted = {"name": "pixel_flipping", "steps": None, "features": features, "baseline": black}
            curves.append(te.evaluate(self.model, image, one, wanted)[0].curves["score"][1:])
        return curves

    def theirs(self) -> list[NDArray[np.float64]]:
        """The same by Quantus."""
        import quantus

        metric = quantus.PixelFlipping(
            features_in_step=1,
            perturb_baseline="black",
            abs=False,
            normalise=False,
            return_aggregate=False,
            disable_warnings=True,
        )
        values = np.stack([one.values.numpy() for one in self.maps if one.values is not None])
        found: list[NDArray[np.float64]] = metric(
            self.model, self.images.numpy(), np.full(len(values), CLASS), a_batch=values, softmax=True, device="cpu"
        )
        return found

    def check(self) -> None:
        """See that both find the same.

        Raises:
            AssertionError: They do not.
        """
        apart = max(
            float(np.abs(np.array(a) - np.array(b)).max()) for a, b in zip(self.ours(), self.theirs(), strict=True)
        )
        if apart > CLOSE:
            raise AssertionError(f"the curves of pixel flipping differ by {apart:.2g}")


def quantus_rows(quick: bool) -> Iterator[Row]:
    """Pixel flipping, value by value."""
    if find_spec("quantus") is None:
        print(f"{QUANTUS} is not installed: see benchmarks/metrics.py", file=sys.stderr)
        return
    Flipping(16).check()
    flipping = Flipping(16 if quick else 64)
    _ = flipping.maps
    ratio = compare(flipping.ours, flipping.theirs, 1 if quick else 3, warm_up=False)
    what = f"pixel flipping of two images of {flipping.size}², value by value ({flipping.images[0].numel()} steps)"
    yield faster_row(what, QUANTUS, ratio, 20)


def bare_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Deletion of several maps of a volume: the metric's own work besides forward passes."""
    subject = Subject(16, (4, 8, 8, 8)) if quick else Subject(32)
    methods = ["vanilla_backprop", "input_x_gradient", "saliency"]
    maps = te.explain(subject.model, subject.image, methods, target=subject.target)
    wanted: dict[str, Any] = {"name": "deletion", "steps": STEPS}
    points = STEPS * len(methods) + 1
    ours = partial(te.evaluate, subject.model, subject.image, maps, wanted)
    ratio = compare(ours, partial(_bare, subject, points), pairs)
    what = f"deletion of {len(methods)} maps in {STEPS} steps, volume of {subject.size}³"
    yield slower_row(what, f"{points} bare forward passes", ratio)


@torch.no_grad()
def _bare(subject: Subject, points: int) -> None:
    size = Chunks(subject.image.numel(), torch.device("cpu")).size
    for start in range(0, points, size):
        subject.score(subject.image.repeat(min(size, points - start), 1, 1, 1, 1))


def metric_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """All there is to say of metrics."""
    yield from bare_rows(pairs, quick)
    yield from quantus_rows(quick)
