"""A model over whole images, patch by patch: one batch of patches is alive at a time, on the way back too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.errors import IncompatibleError, InputError, ModelError
from torchesegeta.patches import Tiling
from torchesegeta.sweeps.chunks import Chunks
from torchesegeta.sweeps.runner import Runner
from torchesegeta.sweeps.scratch import Scratch
from torchesegeta.types import Image


@dataclass(kw_only=True)
class PatchRunner(Runner):
    """A runner whose points are whole images, and whose passes count patches.

    Attributes:
        tiling: The patches.
        chunk_size: Patches at once; None chooses.
        scratch: Makes predictions and gradients of whole images.
    """

    tiling: Tiling
    chunk_size: int | None = None
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def over(cls, runner: Runner, tiling: Tiling, chunk_size: int | None, scratch: Scratch) -> PatchRunner:
        """The patches of an image before a runner's model; passes are counted together."""
        shared = {field.name: getattr(runner, field.name) for field in fields(runner) if field.init}
        made = cls(**shared, tiling=tiling, chunk_size=chunk_size, scratch=scratch)
        made.arithmetic = runner.arithmetic
        return made

    def forward(self, points: Tensor, extras: tuple[Tensor, ...] = ()) -> Tensor:
        """The stitched output for a batch of images, (B, C, *spatial).

        Raises:
            ModelError: The model refuses a patch, or its output is no map on a patch's grid.
            IncompatibleError: The patches are those of another size of images.
        """
        if tuple(points.shape[2:]) != self.tiling.shape:
            raise IncompatibleError(
                f"the patches are those of an image of {self.tiling.shape} voxels, not of {tuple(points.shape[2:])}"
            )
        if torch.is_grad_enabled() and points.requires_grad:
            output: Tensor = _Stitched.apply(points, self, extras)  # type: ignore[no-untyped-call]
            return output
        return self.stitch(points, extras)

    @torch.no_grad()
    def stitch(self, points: Tensor, extras: tuple[Tensor, ...] = ()) -> Tensor:
        """The same without gradients."""
        whole: list[Tensor] = []

        def work(rows: range) -> None:
            places = [divmod(row, self.tiling.count) for row in rows]
            crops = torch.stack([self.tiling.crop(points[image].detach(), patch) for image, patch in places])
            outputs = self.patches(crops, extras)
            if not whole:
                whole.append(self.scratch.zeros((len(points), outputs.shape[1], *self.tiling.shape), outputs))
            for (image, patch), output in zip(places, outputs, strict=True):
                self.tiling.add_blended(whole[0][image], output, patch)

        self.run(len(points) * self.tiling.count, work)
        return whole[0]

    def gradient(self, points: Tensor, slopes: Tensor, extras: tuple[Tensor, ...] = ()) -> Tensor:
        """What of ∂score/∂output (B, C, *spatial) comes back at the images: ∂score/∂points.

        Patches in which there is nothing of it are left out.
        """
        total = self.scratch.zeros(points.shape, points)
        places = [divmod(row, self.tiling.count) for row in range(len(points) * self.tiling.count)]
        wanted = [(image, p) for image, p in places if bool(slopes[image][in_space(self.tiling.place(p))].any())]

        def work(rows: range) -> None:
            chosen = wanted[rows.start : rows.stop]
            crops = torch.stack([self.tiling.crop(points[image].detach(), patch) for image, patch in chosen])
            with torch.enable_grad():
                outputs = self.patches(crops.requires_grad_(), extras)
            starts = torch.zeros_like(outputs)
            for (image, patch), start in zip(chosen, starts, strict=True):
                weighted = slopes[image][in_space(self.tiling.place(patch))] * self.tiling.weights(patch)
                self.tiling.within(start, patch).copy_(weighted)
            self.passes.backward += len(rows)
            (found,) = self.arithmetic.gradients([outputs], [crops], [starts])
            assert found is not None
            for (image, patch), part in zip(chosen, found, strict=True):
                self.tiling.add(total[image], part, patch)

        self.run(len(wanted), work)
        return total

    def gradients(
        self,
        ends: Sequence[Any],
        wanted: Sequence[Any],
        starts: Sequence[Tensor] | None = None,
        *,
        keep: bool = False,
    ) -> list[Tensor | None]:
        """Gradients that go back to whole images: in float32 there, each batch of patches sees to its own format."""
        return list(torch.autograd.grad(ends, wanted, starts, retain_graph=keep, allow_unused=True))

    def patches(self, batch: Tensor, extras: tuple[Tensor, ...] = ()) -> Tensor:
        """The raw output for a batch of patches.

        Raises:
            ModelError: It is no map on their grid.
        """
        output = super().forward(batch, extras)
        if output.shape[2:] != batch.shape[2:]:
            raise ModelError(
                f"patches: the model puts out {tuple(output.shape[1:])} for a patch of {tuple(batch.shape[2:])} "
                "voxels; outputs can be put together only where they are maps on the patch's own grid"
            )
        return output

    def chunks(self) -> Chunks:
        """A fresh plan of batches of patches."""
        size = 1 if self.takes_single_points else self.chunk_size
        return Chunks(self.tiling.importance.numel(), self.device, size, sharing=self.sharing)

    def run(self, count: int, work: Any) -> None:
        """Run some patches in batches, smaller ones where memory runs out."""
        chunks = self.chunks()
        for rows in chunks.split(count):
            chunks.run(rows, work)

    def count_backward(self, points: int) -> None:
        """Nothing: patches count themselves."""


class _Stitched(torch.autograd.Function):
    """The stitched output, whose patches are run once more on the way back."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, runner: PatchRunner, extras: tuple[Tensor, ...]) -> Tensor:
        ctx.save_for_backward(points)
        ctx.runner, ctx.extras = runner, extras
        return runner.stitch(points, extras)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None, None]:
        (points,) = ctx.saved_tensors
        return ctx.runner.gradient(points, slopes, ctx.extras), None, None


def check_extras(image: Image) -> None:
    """Refuse further inputs that would have to be cropped.

    Raises:
        InputError: One lies on a grid.
    """
    for number, extra in enumerate(image.extras):
        if extra.ndim > 1:
            raise InputError(
                f"patches: further input {number} of {image.name!r} has shape {tuple(extra.shape)}; patch by patch a "
                "model may be given vectors besides, no images"
            )
