"""`Gather`: one pass over each image of a set, of which a layer's vectors are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from torchesegeta.draws import generator
from torchesegeta.errors import EsegetaError, IncompatibleError, InputError
from torchesegeta.sweeps.base import Points, Progress, Read, Reader, Request, Sample, Sweep
from torchesegeta.sweeps.gradient import Gradient
from torchesegeta.sweeps.gradient_passes import GradientPasses
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.session import Session

SHARE = 0.5
"""Of the time that is left: what the images may take, so that something is left for what is made of them."""


def places_at(shape: Sequence[int], key: str) -> Tensor:
    """The random order in which the places of a layer of a spatial shape are taken: their numbers, last axis first."""
    return torch.randperm(prod(shape), generator=generator(f"{key}|places", 0))


@dataclass(frozen=True)
class Gather(Sweep):
    """A forward pass over each image and, where gradients are gathered, a backward pass for each of its targets.

    Attributes:
        whole_set: Over every image of the run, not only over this one.
        graded: With the gradients of every target.
        samples: Random places of a layer that are taken of each image; None: the whole layer.
    """

    whole_set: bool = True
    graded: bool = True
    samples: int | None = None

    @property
    def count(self) -> int:
        """One image, or as many as the set has."""
        return 0 if self.whole_set else 1

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return Gradient().points(image, key)

    def passes(self, targets: int, reads: Sequence[Read], count: int | None = None) -> dict[str, int]:
        """See `Sweep.passes`: a point is an image."""
        count = self.count if count is None else count
        return {"forward": count, "backward": count * targets * self.graded}


@dataclass
class Gathered(Sample):
    """What is gathered of one image. Its activation is (1, *layer), or (places, channels) where places are taken.

    Attributes:
        image: Its name.
        key: Names the run's seed and the image, for draws.
        gradients: ∂score/∂activation of each of the image's targets, by name, of the activation's shape.
    """

    image: str = ""
    key: str = ""
    gradients: dict[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class Gatherer(Protocol):
    """What a readout of the sweep is besides, where it can do without some images."""

    def lose(self, why: str) -> None:
        """An image cannot be read."""

    def cut(self, why: str) -> None:
        """The deadline came before the last image."""


def gather(
    sweep: Gather,
    readers: Readers,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> None:
    """Hand every reader what it asked for, image by image; one image is alive at a time.

    Args:
        sweep: How.
        readers: Opened, without targets.
        progress: Called after each image with the images done and the images in all.
        deadline: When all must be done, by `time.monotonic`; with several images half of the time is left to others.

    Raises:
        ModelError: The model cannot run an image.
        IncompatibleError: The target does not fit the output, or has no gradient.
    """
    session = readers.session
    count = count_images(sweep, session)
    now = time.monotonic()
    until = None if deadline is None or count == 1 else now + SHARE * (deadline - now)
    for number in range(count):
        if number and until is not None and time.monotonic() >= until:
            for gatherer in _gatherers(readers):
                gatherer.cut(f"the deadline came after {number} of {count} images")
            break
        try:
            image = session.beside(number) if sweep.whole_set else session
        except InputError as error:
            for gatherer in _gatherers(readers):
                gatherer.lose(str(error))
            continue
        _take(sweep, image, readers, number)
        if progress is not None:
            progress(number + 1, count)


def count_images(sweep: Gather, session: Session) -> int:
    """How many images the sweep runs over."""
    return len(session.image_set) if sweep.whole_set else 1


def _gatherers(readers: Readers) -> Iterator[Gatherer]:
    for reader in readers.opened:
        readout: object = reader.readout
        if isinstance(readout, Gatherer):
            yield readout


def _take(sweep: Gather, image: Session, readers: Readers, number: int) -> None:
    """Run one image, and hand out what the layers showed."""
    wanting = [reader for reader in readers.opened if not reader.done]
    baskets = {reader: _Basket(sweep, image.key, image.image.spatial_dims) for reader in wanting}
    asked = [request for reader in wanting for request in baskets[reader].requests(reader.request.layer, sweep.graded)]
    own = Readers(image, asked)
    try:
        GradientPasses(Gradient().points(image.data, image.key), None, own).chunk(range(1))
    except EsegetaError as error:
        raise type(error)(f"image {image.image.name!r}: {error}") from error
    for reader in wanting:
        chunk = range(number, number + 1)
        readers.hand(reader, partial(_filled, own.opened, baskets[reader], image, chunk), chunk)
    readers.seen.clear()


def _filled(opened: Sequence[Reader], basket: _Basket, image: Session, chunk: range) -> Gathered:
    """A basket's content, unless something failed on the way to it."""
    for reader in opened:
        if isinstance(reader.readout, _Share) and reader.readout.basket is basket:
            failed = reader.request.error or reader.error
            if failed is not None:
                raise failed
    assert basket.activation is not None
    names = image.bound.names if basket.gradients else ()
    gradients = {names[target]: gradient for target, gradient in basket.gradients.items()}
    weight = torch.ones(1, device=image.data.device, dtype=image.data.dtype)
    return Gathered(
        weight, chunk, activation=basket.activation, image=image.image.name, key=image.key, gradients=gradients
    )


@dataclass(eq=False)
class _Basket:
    """What one reader gets of one image; only the places taken are kept of each tensor, as it comes.

    Attributes:
        key: The image's.
        dims: Its spatial axes.
        gradients: By index of the target.
    """

    sweep: Gather
    key: str
    dims: int
    activation: Tensor | None = None
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def requests(self, layer: str | None, graded: bool) -> Iterator[Request]:
        """For the activation and, where gradients are gathered, for that of every target."""
        yield Request(Read.ACTIVATION, layer, partial(_Share, self))
        if graded:
            yield Request(Read.LAYER_GRADIENT, layer, partial(_Share, self))

    def put(self, target: int | None, sample: Sample) -> None:
        """Take in what came of the pass."""
        if sample.activation is not None:
            self.activation = self._taken(sample.activation)
        if sample.gradient is not None and target is not None:
            self.gradients[target] = self._taken(sample.gradient)

    def _taken(self, values: Tensor) -> Tensor:
        """(1, channels, …) as it is, or (places, channels)."""
        if self.sweep.samples is None:
            return values
        if values.ndim not in (2, self.dims + 2):
            raise IncompatibleError(
                f"a layer puts out {tuple(values.shape)}; its vectors are taken from (batch, channels) with "
                f"{self.dims} spatial axes or none"
            )
        vectors = values[0].flatten(1).T if values.ndim > 2 else values
        places = places_at(values.shape[2:], self.key)[: self.sweep.samples]
        return vectors[places.to(vectors.device)]


@dataclass(eq=False)
class _Share:
    """A basket's readout for one target."""

    basket: _Basket
    target: int | None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.basket.put(self.target, sample)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.basket.activation is not None
        return self.basket.activation
