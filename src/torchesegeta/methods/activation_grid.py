"""Activation grid: what a layer sees at each place of an image, as pictures (Olah et al. 2018, distill.00010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from torchesegeta.methods.base import Context
from torchesegeta.methods.cam import check_spatial
from torchesegeta.methods.direction_method import DirectionMethod, Pictured, check_excited, mosaic, shrunk
from torchesegeta.methods.readouts import activation, need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gradient, Part, Readout, Sample, Sweep

CELLS = {2: 6, 3: 3}
"""Cells along each axis, by the number of axes."""


@register("activation_grid")
class ActivationGrid(DirectionMethod):
    """The image as a layer sees it: the activation at each place, as a picture that calls for the same."""

    title = "Activation grid"
    source = "Olah et al. 2018, doi:10.23915/distill.00010"
    quantity = "pictures of the layer's activations, place by place"

    cells: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Cells along each axis, at most; the layer is averaged over each. Without: 6 in 2D and 3 in 3D.",
    )
    sized_by_norm: bool = Field(
        False, description="Show each picture in a size that grows with the length of the activation it stands for."
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass at the image, then an optimisation."""
        return (Gradient(), self.drawing((self.cells or CELLS[2]) ** 2))

    def readout(self, context: Context) -> Readout:
        """(C, *spatial), a mosaic; in `arrays` the pictures (n, C, *cell), activations and their norms (*cells)."""
        return _Grid(self, context, cells=self.cells)


@dataclass
class _Grid(Pictured):
    cells: int | None = None
    pooled: Tensor | None = None

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        values = activation(sample)
        check_spatial(self.context.layer, values, self.context)
        self.pooled = pool(values, self.cells or CELLS.get(values.ndim - 2, CELLS[3]))[0].cpu()

    def directions(self) -> Tensor:
        """The activation of each cell."""
        pooled = need(self.pooled)
        check_excited(bool(pooled.any()), self.context.layer)
        return pooled.flatten(1).T

    def several(self) -> Sequence[Part]:
        """One mosaic."""
        pooled = need(self.pooled)
        norms, grid = pooled.norm(dim=0), pooled.shape[1:]
        pictures = self.sheet(norms.numel())
        shown = pictures
        if isinstance(self.method, ActivationGrid) and self.method.sized_by_norm:
            shares = (norms / norms.max()).flatten().tolist()
            dark = self.dark.expand_as(pictures[0])
            shown = torch.stack([shrunk(p, share, dark) for p, share in zip(pictures, shares, strict=True)])
        arrays = {"pictures": pictures, "activations": pooled, "norms": norms}
        part = Part(values=mosaic(shown, grid), covers=True, measures=self.reached, stopped=self.stopped)
        part.warnings, part.arrays = self.lacks, arrays
        return [part]


def pool(values: Tensor, cells: int) -> Tensor:
    """Averages of (B, C, *layer) over at most `cells` cells along each axis."""
    return functional.interpolate(values, [min(cells, n) for n in values.shape[2:]], mode="area")
