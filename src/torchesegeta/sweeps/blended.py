"""Maps of layers from patches: each patch's own, placed in the image and blended like the prediction."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import IncompatibleError
from torchesegeta.patches import Tiling
from torchesegeta.sweeps.base import Readout, Request, Sample, Several


@dataclass(eq=False)
class Blended:
    """A readout for each patch, whose maps are put together.

    Attributes:
        tiling: The patches.
        request: Whose readouts they are.
        samples: Points of the sweep: so many rows come of each patch, one patch after the other.
        target: Index of the score, or None.
        total: (C, *spatial), or (1, *spatial) of layers; once the first patch is done.
    """

    tiling: Tiling
    request: Request
    samples: int
    target: int | None
    total: Tensor | None = None
    _opened: dict[int, Readout] = field(default_factory=dict)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        start = sample.indices.start
        while start < sample.indices.stop:
            patch, first = divmod(start, self.samples)
            stop = min(sample.indices.stop, (patch + 1) * self.samples)
            part = sample.part(range(start, stop))
            part.indices = range(first, first + stop - start)
            self._feed(patch, part)
            start = stop

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.total is not None
        return self.total

    def _feed(self, patch: int, sample: Sample) -> None:
        if patch not in self._opened:
            self._opened[patch] = self._open(patch)
        self._opened[patch].update(sample)
        if sample.indices.stop == self.samples:
            self._place(self._opened.pop(patch).finish(), patch)

    def _open(self, patch: int) -> Readout:
        assert self.request.open_piece is not None
        readout = self.request.open_piece(self.target, lambda volume: self.tiling.crop(volume, patch))
        if isinstance(readout, Several):
            raise IncompatibleError("a method that makes several pictures cannot be run patch by patch")
        readout.start()
        return readout

    def _place(self, values: Tensor, patch: int) -> None:
        """Add a patch's map, brought to the patch's grid; of a layer the sum over its channels."""
        shape = self.tiling.model_shape
        if values.ndim != len(shape) + 1:
            raise IncompatibleError(
                f"layer {self.request.layer!r} puts out {tuple(values.shape)} for a patch, which has no place in the "
                f"image: patch by patch a layer needs {len(shape)} spatial axes"
            )
        values = values.sum(0, keepdim=True) if self.request.layer is not None else values
        if tuple(values.shape[1:]) != shape:
            values = interpolate(values[None], shape, mode=LINEAR[len(shape)], align_corners=False)[0]
        if self.total is None:
            self.total = values.new_zeros(len(values), *self.tiling.shape)
        self.tiling.add_blended(self.total, values, patch)


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
