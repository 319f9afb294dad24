"""Plug-ins that tests of metrics and of verdicts share."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from torch import Tensor

from torchesegeta.methods import Context, Method
from torchesegeta.methods.readouts import single
from torchesegeta.methods.registry import REGISTRY
from torchesegeta.metrics import Measurement
from torchesegeta.metrics.base import ScoreReading
from torchesegeta.sweeps import Change, Gradient, Readout, Sample, Sweep
from torchesegeta.sweeps.base import Points
from torchesegeta.sweeps.perturbations import OneByOne


class Edges(Method):
    """Where the image changes, whatever the model."""

    title, family, source, quantity, name = "Edges", "Gradient", "nobody", "edge", "edges"

    def sweeps(self) -> tuple[Sweep, ...]:
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        return single(lambda sample: context.image[None].diff(dim=2, append=context.image[None, :, -1:]).abs())


def add_edges(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register `Edges` for the time of a test, and give its name."""
    REGISTRY.known()
    monkeypatch.setitem(REGISTRY.classes, "edges", Edges)
    return "edges"


@dataclass(frozen=True)
class StrongestOut(Change):
    """The image without its strongest voxels, ever more of them."""

    steps: int

    def count(self, image: Tensor) -> int:
        return self.steps

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        assert guide is not None
        order = guide.sum(0).flatten().argsort(descending=True)

        def make(index: int) -> Tensor:
            point = image.clone()
            point.flatten(1)[:, order[: (index + 1) * len(order) // self.steps]] = 0
            return point

        return OneByOne(image, self.steps, make)


class ScoresLeft(ScoreReading):
    """The mean of the scores, and the scores as a curve."""

    def __init__(self) -> None:
        self.left: list[float] = []

    def update(self, sample: Sample) -> None:
        assert sample.scores is not None
        self.left += sample.scores.tolist()

    def measurement(self) -> Measurement:
        steps = tuple(f"{i + 1}" for i in range(len(self.left)))
        return Measurement(sum(self.left) / len(self.left), steps=steps, curves={"score": self.left})
