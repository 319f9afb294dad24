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

ROUNDING = 16
"""How many units in the last place of its largest value a mean moves by rounding alone, at most."""


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
    """Population variance of a function over the points, by merging those of chunks (Chan et al. 1979)."""

    function: Function
    count: int = 0
    mean: Tensor | None = field(default=None)
    squares: Tensor | None = field(default=None)

    @property
    def sound(self) -> bool:
        """With one sample there is a mean, with two a variance."""
        return self.count > 1

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        values = at_least_single(self.function(sample))
        mean, count = values.mean(0), len(values)
        squares = (values - mean).square_().sum(0)
        if self.mean is None or self.squares is None:
            self.count, self.mean, self.squares = count, mean, squares
            return
        apart, total = mean.sub_(self.mean), self.count + count
        self.squares += squares.add_(apart.square(), alpha=self.count * count / total)
        self.mean += apart.mul_(count / total)
        self.count = total

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return need(self.squares) / self.count


@dataclass
class RealVariance(Variance):
    """Variance of a function, where it is more than rounding leaves of values that are all the same; 0 elsewhere."""

    precision: float = 0.0

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.precision = torch.finfo(self.function(sample).dtype).eps
        super().update(sample)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        found = super().finish()
        level = (ROUNDING * self.precision * need(self.mean).abs().max()) ** 2
        return found.where(found > level, 0)


@dataclass
class Mean(Variance):
    """Mean of a function over random points, with its standard error."""

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return need(self.mean)

    def measures(self) -> dict[str, float]:
        """The mean standard error of a value, and its share of the map's range."""
        if self.count < 2:
            return {}
        mean = need(self.mean)
        variance = need(self.squares) / (self.count * (self.count - 1))
        return with_share(float(variance.sqrt_().mean()), float(mean.max() - mean.min()))


def with_share(error: float, of: float) -> dict[str, float]:
    """A standard error as a measure, and as a share of what it is judged by, where that is not 0."""
    return {"standard_error": error} | ({"relative_standard_error": error / of} if of else {})


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
