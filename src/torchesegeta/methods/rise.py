"""RISE: mean score over random smooth masks (Petsiuk et al. 2018, arXiv:1806.07421)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context
from torchesegeta.methods.estimator import Estimator
from torchesegeta.methods.mask_method import MaskMethod
from torchesegeta.methods.readouts import with_share
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Grids, Mask, Readout, Sample, Sweep


@register("rise")
class Rise(Estimator, MaskMethod):
    """The mean score over random masks in which a voxel is visible."""

    title = "RISE"
    source = "Petsiuk et al. 2018, arXiv:1806.07421"
    quantity = "mean score where visible"
    draws = "masks"

    masks: int = Field(4000, ge=1, le=1_000_000, description="Forward passes, in 2D as in 3D.")
    cells: int = Field(7, ge=1, le=256, description="Cells of a mask along each axis: 49 in 2D, 343 in 3D.")
    share: float = Field(0.5, gt=0, lt=1, description="Probability that a cell is visible.")
    normalise: Literal["coverage", "expected", "count"] = Field(
        "coverage",
        description="Divide by how often a voxel was visible, by how often it is expected to be (as published), or by "
        "the number of masks.",
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One series of masks."""
        return (Mask(Grids(self.masks, self.cells, self.share), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial)."""
        share = None if self.normalise == "coverage" else self.share if self.normalise == "expected" else 1.0
        return self.stopping(_Visible(share))


@dataclass
class _Visible:
    """Reads sums over masks m with scores s, taken from the whole image's score so that nothing cancels.

    Attributes:
        visible: What the mean number of visible masks is divided by; None: how often each voxel was visible.
    """

    visible: float | None

    @property
    def sound(self) -> bool:
        """Once there are two masks."""
        return hasattr(self, "sums") and self.sums.count > 1

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        assert sample.sums is not None
        self.sums, self.whole = sample.sums, sample.whole_score

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        cover, total = self.sums.masks, self.sums.scored
        if self.visible is None:
            return self.whole + total / cover.clamp(min=1e-12)
        return (total + self.whole * cover) / (self.sums.count * self.visible)

    def measures(self) -> dict[str, float]:
        """The mean standard error of a voxel, over an even lattice of them, and its share of the map's range.

        None where a voxel was hardly visible.
        """
        sums, values = self.sums, self.finish()
        (ones, scored, squared), there = sums.squares, values[sums.lattice]
        cover = sums.masks[sums.lattice]
        masks = cover**2 / ones.clamp(min=1e-12) if self.visible is None else cover.new_tensor(sums.count)
        if float(masks.min()) < 2:
            return {}
        if self.visible is None:
            mean = there - self.whole
            rest = squared - 2 * mean * scored + mean**2 * ones
            spread = (rest.clamp(min=0) * masks / (masks - 1)).sqrt() / cover
        else:
            squares = squared + 2 * self.whole * scored + self.whole**2 * ones
            rest = squares / sums.count - (there * self.visible) ** 2
            spread = (rest.clamp(min=0) / (sums.count - 1)).sqrt() / self.visible
        return with_share(float(spread.mean()), float(values.max() - values.min()))
