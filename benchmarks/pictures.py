"""Optimised pictures beside bare forward and backward passes, and many pictures in one run beside a run for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import torchesegeta as te
from benchmarks.classifier import LAYER, Classifier
from benchmarks.subject import Subject
from benchmarks.table import Row, faster_row, slower_row
from benchmarks.timing import compare

STEPS = 30
"""Of an optimisation: the default of layer visualisation."""
LONG = 120
"""Where steps are timed, so that what a call does once counts for little; feature visualisation makes 256."""
CHANNELS = 64
AREAS = (0.05, 0.1, 0.15, 0.2, 0.25)
BARE = "bare forward and backward passes"


@dataclass(frozen=True)
class Studio:
    """A network whose channels are pictured.

    Attributes:
        name: In the table.
        model: The network.
        image: (1, C, *spatial).
        target: Ours.
        early: A layer near the input.
        late: One near the output.
    """

    name: str
    model: nn.Module
    image: Tensor
    target: Any
    early: str
    late: str

    def explain(self, method: Mapping[str, Any], layer: str) -> object:
        """Our call."""
        return te.explain(self.model, self.image, [method], target=self.target, layers=[layer])

    def bare(self, layer: str, steps: int) -> None:
        """Passes to a layer and back, and one forward pass more; nothing is changed."""
        kept: list[Tensor] = []
        module = self.model.get_submodule(layer)
        hook = module.register_forward_hook(lambda _module, _inputs, output: _end(kept, output))
        for _ in range(steps):
            self._forward(point := self.image.clone().requires_grad_(True))
            torch.autograd.grad(kept.pop()[:, 0].mean(), point)
        with torch.no_grad():
            self._forward(self.image)
        hook.remove()

    def _forward(self, point: Tensor) -> None:
        try:
            self.model(point)
        except _EndError:
            return


class _EndError(Exception):
    """Ends a forward pass at the layer that is read."""


def _end(kept: list[Tensor], output: Tensor) -> None:
    kept.append(output)
    raise _EndError


def studios(quick: bool) -> list[Studio]:
    """A 3D U-Net of about a million parameters at 64³, and EfficientNet-Lite0."""
    subject = Subject(16, (4, 8, 8, 8)) if quick else Subject()
    classifier = Classifier()
    for parameter in (*subject.model.parameters(), *classifier.model.parameters()):
        parameter.requires_grad_(False)
    return [
        Studio("3D U-Net, 64³", subject.model, subject.image, subject.target, "encoder.0", "bottleneck"),
        Studio("EfficientNet-Lite0", classifier.model, classifier.image, 0, LAYER, "_blocks.12"),
    ]


def picture_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Steps, layers, sheets, areas."""
    few = max(1, pairs // 5)
    for studio in studios(quick):
        yield from _steps(studio, max(2, pairs // 3), 2 if quick else LONG)
        yield _sheet(studio, few, 2 if quick else CHANNELS, 1 if quick else 4)
        yield from _areas(studio, few, 4 if quick else STEPS)


def _steps(studio: Studio, pairs: int, steps: int) -> Iterator[Row]:
    method = {"name": "layer_visualization", "steps": steps}
    for layer in (studio.early, studio.late):
        ratio = compare(lambda at=layer: studio.explain(method, at), lambda at=layer: studio.bare(at, steps), pairs)  # type: ignore[misc]
        yield slower_row(f"{studio.name}: {steps} steps for {layer}", f"{BARE} to it", ratio, 1.15)


def _sheet(studio: Studio, pairs: int, count: int, steps: int) -> Row:
    method = {"name": "layer_visualization", "steps": steps}
    every = {**method, "filter": list(range(count))}
    alone = _each(studio, [{**method, "filter": channel} for channel in range(count)])
    ratio = compare(lambda: studio.explain(every, studio.late), alone, pairs, warm_up=False)
    return faster_row(f"{studio.name}: sheet of {count} channels, {steps} steps", "one by one", ratio, 1.5)


def _areas(studio: Studio, pairs: int, steps: int) -> Iterator[Row]:
    method = {"name": "extremal_perturbation", "steps": steps}
    alone = _each(studio, [{**method, "areas": [area]} for area in AREAS])
    for how, nested in (("", True), (", each anew", False)):
        every = {**method, "areas": AREAS, "nested": nested}
        ratio = compare(lambda every=every: studio.explain(every, studio.late), alone, pairs, warm_up=False)  # type: ignore[misc]
        what = f"{studio.name}: {len(AREAS)} areas in one run{how}, {steps} steps"
        yield slower_row(what, "a run for each", ratio, 0.5 if nested else None)


def _each(studio: Studio, methods: Sequence[Mapping[str, Any]]) -> Callable[[], None]:
    def run() -> None:
        for method in methods:
            studio.explain(method, studio.late)

    return run
