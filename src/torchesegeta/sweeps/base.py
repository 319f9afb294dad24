"""What a sweep is, what it yields, and who reads it.

A sweep is a frozen value: methods that ask for equal sweeps share one. It says at which points the model runs; the
engine runs them, chunk by chunk, and hands every reader what it asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Protocol, runtime_checkable

from torch import Tensor

from torchesegeta.features import Regions
from torchesegeta.rules import Rule
from torchesegeta.sweeps.sums import TargetSums

LOOK = 8
"""Samples end where a multiple of so many points is reached: there a readout may look whether it has had enough."""


Progress = Callable[[int, int], None]
"""Is called with the points done and the points in all; none done: the sweep begins again, for fewer methods."""


class Read(Flag):
    """What a readout needs of a pass."""

    INPUT_GRADIENT = auto()
    ACTIVATION = auto()
    LAYER_GRADIENT = auto()
    CHANGE = auto()
    """The change of the layer's activation over the point's span (see `Points.span`)."""
    SEEDED_GRADIENT = auto()
    """The gradient at the input that starts not from a score but at a layer, with the request's `seed`."""
    SEEDED_LAYER_GRADIENT = auto()
    """The same at the request's layer."""
    CONTRAST = auto()
    """At the seed's layer, without a seed at the request's: the gradients of the score and of its negative, which
    differ under some rules."""
    SCORE = auto()
    """The score itself; without gradients the pass goes forward only."""
    INPUT_CHANGE = auto()
    """The change of the input over the point's span, where no gradient is read."""


NEEDS_GRADIENT = Read.INPUT_GRADIENT | Read.LAYER_GRADIENT | Read.CONTRAST
NEEDS_SCORE = NEEDS_GRADIENT | Read.SCORE
SEEDED = Read.SEEDED_GRADIENT | Read.SEEDED_LAYER_GRADIENT
NEEDS_BACKWARD = NEEDS_GRADIENT | SEEDED
NEEDS_LAYER = Read.ACTIVATION | Read.LAYER_GRADIENT | Read.CHANGE | Read.SEEDED_LAYER_GRADIENT


@dataclass
class Sample:
    """One chunk of a sweep for one target and one layer; B points at once. What was not asked for is None.

    Attributes:
        weights: (B,) the points' weights in the sweep's sum; they add up to 1 over the sweep.
        indices: The points' numbers in the sweep.
        input_gradient: (B, C, *spatial).
        activation: (B, *layer).
        gradient: (B, *layer), ∂score/∂activation.
        opposite: (B, *layer), what comes back from the negative of the score: under a rule not always −gradient.
        masses: What `gradient` and `opposite` add up to over the whole layer, where the sample holds a patch's part of
            it; None: what they add up to themselves.
        change: (B, *layer), the activation's change over each point's span.
        input_change: (B, C, *spatial), the input's change over each point's span; None for sweeps without spans.
        scores: (B,), the target's scores.
        whole_score: The target's score for the unmasked image.
        rows: The points' rows of a mask design (see `MaskPoints.masked`).
        regions: The features that the rows or, without rows, the points' numbers speak of.
        sums: Of the target, over all points so far; for designs that have such sums.
    """

    weights: Tensor
    indices: range
    input_gradient: Tensor | None = None
    activation: Tensor | None = None
    gradient: Tensor | None = None
    opposite: Tensor | None = None
    masses: tuple[float, float] | None = None
    change: Tensor | None = None
    input_change: Tensor | None = None
    scores: Tensor | None = None
    whole_score: float = 0.0
    rows: Tensor | None = None
    regions: Regions | None = None
    sums: TargetSums | None = None

    def parts(self) -> Iterator[Sample]:
        """The same in pieces that end at multiples of `LOOK`."""
        for points in pieces(self.indices):
            yield self if points == self.indices else self.part(points)

    def part(self, points: range) -> Sample:
        """The same for neighbours among its points."""
        mine = slice(points.start - self.indices.start, points.stop - self.indices.start)
        part = replace(self, indices=points)
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and len(value) == len(self.indices):
                setattr(part, name, value[mine])
        return part


def pieces(points: range) -> Iterator[range]:
    """A range in pieces that end at multiples of `LOOK`."""
    start = points.start
    while start < points.stop:
        stop = min(points.stop, (start // LOOK + 1) * LOOK)
        yield range(start, stop)
        start = stop


class Readout(Protocol):
    """What a method makes of the samples of one target and one layer.

    One that may have had enough before the sweep's end says so by an attribute `done`; one whose map is sound with the
    samples so far, should a deadline come, by an attribute `sound`.
    """

    def start(self) -> None:
        """Called once before the first sample."""

    def update(self, sample: Sample) -> None:
        """Take in one sample; called with every chunk, in order."""

    def finish(self) -> Tensor:
        """The map, without a batch axis."""


@dataclass
class Continued:
    """A readout that goes on with a further sweep."""

    readout: Readout

    def start(self) -> None:
        """It has started."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.readout.update(sample)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return self.readout.finish()


@runtime_checkable
class Measured(Protocol):
    """A readout with figures of its own, known from its samples alone: a standard error, the R² of a fit."""

    def measures(self) -> dict[str, float]:
        """The figures, once the readout has finished."""


@dataclass(eq=False)
class Part:
    """One of several maps that a readout makes of one target and layer.

    Attributes:
        name: Of what it shows, such as `channel 3`; None where there is nothing to tell apart.
        index: Its number, or None.
        values: (C, *spatial), or None where there is none.
        covers: Whether it lies over the whole image, though its shape is another; else such a picture has no place.
        error: Why there is none.
        stopped: Why it is less than it might be, such as a deadline; None: it is whole.
        measures: Its figures.
        warnings: What its reader must know.
        arrays: What belongs to it and is no map, by name.
    """

    name: str | None = None
    index: int | None = None
    values: Tensor | None = None
    covers: bool = False
    error: Exception | None = None
    stopped: str | None = None
    measures: dict[str, float] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    arrays: dict[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class Several(Protocol):
    """A readout that makes any number of maps, in place of `finish`."""

    def several(self) -> Sequence[Part]:
        """The maps, once the sweeps are done."""


class Points(ABC):
    """The points of a sweep over one image."""

    weights: Tensor
    """(count,): the weights of the points; they add up to 1, or to 2 where two points share a difference."""
    is_image = False
    """Whether every point is the image itself: the first pass may bind the target."""
    together = 1
    """Points that a batch holds, neither more nor fewer, where their rows speak of each other; 1: any number."""

    @abstractmethod
    def at(self, indices: range) -> Tensor:
        """The points themselves: (B, C, *spatial)."""

    def span(self, index: int) -> tuple[Hashable, Hashable]:
        """Names of the two corners between which the point's activation change is taken."""
        raise TypeError(f"{type(self).__name__} has no spans")

    def corner(self, name: Hashable) -> Tensor:
        """A corner: (C, *spatial)."""
        raise TypeError(f"{type(self).__name__} has no spans")

    def input_change(self, indices: range) -> Tensor | None:
        """Change of the input over each point's span, (B, C, *spatial), or None."""
        return None

    def reference(self, indices: range) -> Tensor | None:
        """What each point is compared with by a rule that needs a baseline, (B, C, *spatial), or None."""
        return None


class Sweep(ABC):
    """The specification of a planned series of passes: frozen and hashable."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of points; 0 where the image decides on it."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose activations at the image the points are made from."""
        return ()

    @property
    def needs_ends(self) -> bool:
        """Whether the scores of the image and of a baseline are taken too (for completeness)."""
        return False

    def baseline(self, image: Tensor, key: str) -> Tensor | None:
        """The baseline, (C, *spatial), of sweeps that have one.

        Args:
            image: (C, *spatial).
            key: As of `points`.
        """
        return None

    def ends(self, image: Tensor, key: str) -> list[Tensor]:
        """All baselines, each (C, *spatial); the score's change is taken from their mean score."""
        baseline = self.baseline(image, key)
        return [] if baseline is None else [baseline]

    def nudged(self, image: Tensor, key: str) -> list[Tensor]:
        """The same with a trace of noise each, for sweeps that must know how steady the score is there."""
        return []

    @property
    def room(self) -> int:
        """How many times the usual voxels may run at once on a CPU."""
        return 1

    @property
    def rule(self) -> Rule | None:
        """What changes the backward passes."""
        return None

    @property
    def half_safe(self) -> bool:
        """Whether it may run in half precision; else it runs in float32 whatever the run's precision is."""
        return self.rule is None or self.rule.half_safe

    @abstractmethod
    def points(self, image: Tensor, key: str) -> Points:
        """The points over an image.

        Args:
            image: (C, *spatial), on the device that runs the model.
            key: Names the run's seed and the image; draws depend on it and on the sweep.
        """

    def passes(self, targets: int, reads: Sequence[Read], count: int | None = None) -> dict[str, int]:
        """Forward and backward passes for a number of targets, as planned, without those that start from seeds.

        Args:
            targets: Number of scores.
            reads: What the readers need.
            count: Number of points, for sweeps whose image decides on it.
        """
        count = self.count if count is None else count
        graded = any(r & NEEDS_GRADIENT for r in reads)
        contrasted = any(Read.CONTRAST in r for r in reads)
        spans = any(r & Read.CHANGE for r in reads)
        twice = self.rule is not None and self.rule.needs_baseline
        forward = count * (1 + twice) + (self.span_corners if spans else 0) + (2 if self.needs_ends else 0)
        return {"forward": forward, "backward": count * targets * (graded + contrasted)}

    @property
    def span_corners(self) -> int:
        """Number of distinct corners of all spans."""
        return 0


@dataclass(frozen=True, eq=False)
class Seed:
    """Where a gradient starts that comes from no score.

    Attributes:
        layer: There.
        make: From a sample of that layer (its activation; for `CONTRAST` also `gradient` and `opposite`) to weights and
            starting gradients (B, *layer): what comes back is their weighted sum.
        shares: Whether it compares shares of what the whole layer holds, which patches have to find out first.
    """

    layer: str
    make: Callable[[Sample], Sequence[tuple[float, Tensor]]]
    shares: bool = False


class Opening(Protocol):
    """See `Request.open_piece`."""

    def __call__(self, target: int | None, cut: Callable[[Tensor], Tensor], change: float | None = None) -> Readout:
        """The readout."""


@dataclass(eq=False)
class Request:
    """What a method asks of a sweep, for one layer and for every target.

    Attributes:
        reads: What its readouts need.
        layer: The layer they read, or None.
        open: Makes the readout of one target, given its index among the scores; None where no target is read.
        seed: Of requests that read seeded gradients; those that share it share the pass.
        open_piece: Makes the readout of one target for a part of the image, given what cuts the part out of the image
            and, of games, what the baseline changes there.
        additive: Whether its map of a sum of scores is the sum of their maps, each of what touches it alone.
        error: Set once the request cannot be met, for any target.
        targets: Indices of the scores it reads; None: all of them.
        series: Which of several series of points it reads (see `Changed`).
    """

    reads: Read
    layer: str | None
    open: Callable[[int | None], Readout]
    seed: Seed | None = None
    open_piece: Opening | None = None
    additive: bool = False
    error: Exception | None = None
    targets: frozenset[int] | None = None
    series: int = 0

    @property
    def scored(self) -> bool:
        """Whether it reads a target."""
        return bool(self.reads & NEEDS_SCORE)

    @property
    def backward(self) -> bool:
        """Whether it reads a gradient of any kind."""
        return bool(self.reads & NEEDS_BACKWARD)


@dataclass(eq=False)
class Reader:
    """One readout of a request, for one target.

    Attributes:
        request: What it reads.
        target: Index of its score, or None.
        readout: What gets the samples.
        error: Set once it failed.
        matched: How many operations the sweep's rule took over, by name.
        note: What the reader of the map must know of the sweep, or None.
        stopped: The points it got, where a deadline came before the others.
        blended: Whether its map was put together from those of patches.
    """

    request: Request
    target: int | None
    readout: Readout
    error: Exception | None = None
    matched: dict[str, int] = field(default_factory=dict)
    note: str | None = None
    stopped: int | None = None
    blended: bool = False

    @property
    def failed(self) -> bool:
        """Whether there will be no map."""
        return self.error is not None or self.request.error is not None

    @property
    def done(self) -> bool:
        """Whether it gets no further samples."""
        return self.failed or getattr(self.readout, "done", False)
