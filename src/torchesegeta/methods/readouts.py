"""Readouts that methods are made of: one pass, a weighted sum, a mean, a variance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps import Read, Readout, Sample

Function = Callable[[Sample], Tensor]
Finish = Callable[[Tensor], Tensor]


def need(tensor: Tensor | None) -> Tensor:
    """A part of a sample that the method asked for."""
    if tensor is None:
        raise IncompatibleError("the sweep did not yield what the method reads")
    return tensor


def share_of_score(sample: Sample) -> Tensor:
    """Gradient times the change of the input: (B, C, *spatial)."""
    return input_gradient(sample) * need(sample.input_change)


def _same(total: Tensor) -> Tensor:
    return total


@dataclass
class Single:
    """The map of a one-point sweep."""

    function: Function
    value: Tensor | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.value = self.function(sample)[0]

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return need(self.value)


@dataclass
class WeightedSum:
    """Σ weight · function over the points of a sweep; with `weighted=False` the plain sum."""

    function: Function
    then: Finish = _same
    weighted: bool = True
    total: Tensor | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        values = at_least_single(self.function(sample))
        term = torch.einsum("b,b...->...", sample.weights.to(values), values) if self.weighted else values.sum(0)
        self.total = term if self.total is None else self.total.add_(term)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return self.then(need(self.total))


@dataclass
class Variance:
    """Population variance of a function over the points, by Welford's update: no cancellation."""

    function: Function
    count: int = 0
    mean: Tensor | None = field(default=None)
    squares: Tensor | None = field(default=None)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        for value in at_least_single(self.function(sample)):
            self._take(value)

    def _take(self, value: Tensor) -> None:
        self.count += 1
        if self.mean is None or self.squares is None:
            self.mean, self.squares = value.clone(), torch.zeros_like(value)
            return
        difference = value - self.mean
        self.mean += difference / self.count
        self.squares += difference * (value - self.mean)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return need(self.squares) / self.count


def single(function: Function) -> Readout:
    """The readout of a one-point sweep: the map is a function of its one sample."""
    return Single(function)


def input_gradient(sample: Sample) -> Tensor:
    """∂score/∂input, (B, C, *spatial)."""
    return need(sample.input_gradient)


def layer_gradient(sample: Sample) -> Tensor:
    """∂score/∂activation, (B, *layer)."""
    return need(sample.gradient)


def activation(sample: Sample) -> Tensor:
    """The layer's activation, (B, *layer)."""
    return need(sample.activation)


BOTH = Read.ACTIVATION | Read.LAYER_GRADIENT
