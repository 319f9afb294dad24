"""Maps of layers from patches: each patch's own, placed in the image and blended like the prediction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import IncompatibleError
from torchesegeta.patches import Tiling
from torchesegeta.sweeps.base import Readout, Request, Sample, Several
from torchesegeta.sweeps.patch_batch import PatchBatch
from torchesegeta.sweeps.scratch import Scratch


@runtime_checkable
class Joining(Protocol):
    """What a readout is besides that goes on with a map of a layer which was put together from patches."""

    def piece(self) -> Readout:
        """The readout of a patch's map of the layer."""

    def join(self, blended: Tensor) -> None:
        """Take the map, (1, *spatial), in place of the layer's samples."""


@dataclass(eq=False)
class Canvas:
    """Where the maps of patches are put together.

    Attributes:
        tiling: The patches.
        layer: Whose maps they are, or None.
        scratch: Makes the volume.
        total: (C, *spatial), or (1, *spatial) of layers; once the first patch is there.
    """

    tiling: Tiling
    layer: str | None
    scratch: Scratch
    total: Tensor | None = None

    def place(self, values: Tensor, patch: int) -> None:
        """Add a patch's map, brought to the patch's grid; of a layer the sum over its channels.

        Raises:
            IncompatibleError: It has no place in the image.
        """
        shape = self.tiling.model_shape
        if values.ndim != len(shape) + 1:
            raise IncompatibleError(
                f"layer {self.layer!r} puts out {tuple(values.shape)} for a patch, which has no place in the image: "
                f"patch by patch a layer needs {len(shape)} spatial axes"
            )
        values = values.sum(0, keepdim=True) if self.layer is not None else values
        if tuple(values.shape[1:]) != shape:
            values = interpolate(values[None], shape, mode=LINEAR[len(shape)], align_corners=False)[0]
        if self.total is None:
            self.total = self.scratch.zeros((len(values), *self.tiling.shape), values)
        self.tiling.add_blended(self.total, values, patch)


@dataclass(eq=False)
class Blended:
    """A readout for each patch, whose maps are put together.

    Attributes:
        canvas: Where they are.
        request: Whose readouts they are.
        samples: Points of the sweep.
        target: Index of the score, or None.
        batch: The patches that are run now: so many rows come of each as points are run, patch after patch.
    """

    canvas: Canvas
    request: Request
    samples: int
    target: int | None
    batch: PatchBatch | None = None
    _opened: dict[int, Readout] = field(default_factory=dict)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        assert self.batch is not None
        points, start = self.batch.points, sample.indices.start
        while start < sample.indices.stop:
            patch, first = points.split(start)
            stop = min(sample.indices.stop, start + len(points.samples) - first)
            if self.target is None or self.target in self.batch.reach[patch]:
                part = sample.part(range(start, stop))
                part.indices = points.samples[first : first + stop - start]
                self._feed(patch, part)
            start = stop

    def finish(self) -> Tensor:
        """See `Readout.finish`: zeros where no patch had anything to say."""
        if self.canvas.total is None:
            assert self.batch is not None
            return self.canvas.scratch.zeros((1, *self.canvas.tiling.shape), self.batch.data)
        return self.canvas.total

    def _feed(self, patch: int, sample: Sample) -> None:
        if patch not in self._opened:
            self._opened[patch] = self._open(patch)
        self._opened[patch].update(sample)
        if sample.indices.stop == self.samples:
            self.canvas.place(self._opened.pop(patch).finish(), patch)

    def _open(self, patch: int) -> Readout:
        assert self.request.open_piece is not None
        tiling = self.canvas.tiling
        readout = self.request.open_piece(self.target, lambda volume: tiling.crop(volume, patch))
        return opened_piece(readout)


def opened_piece(readout: Readout) -> Readout:
    """A patch's readout, started.

    Raises:
        IncompatibleError: It makes pictures.
    """
    if isinstance(readout, Several):
        raise IncompatibleError("a method that makes several pictures cannot be run patch by patch")
    piece = readout.piece() if isinstance(readout, Joining) else readout
    piece.start()
    return piece


@dataclass(frozen=True, eq=False)
class Placed:
    """The readout of a map that is there."""

    values: Tensor | None
    done: bool = True

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.values is not None
        return self.values
