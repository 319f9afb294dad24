"""Activation atlas: what a layer tells apart in many images, on one map (Carter et al. 2019, distill.00015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from torchesegeta.draws import whole_number
from torchesegeta.errors import IncompatibleError, unknown
from torchesegeta.methods.base import Context
from torchesegeta.methods.direction_method import DirectionMethod, Pictured, check_excited, mosaic
from torchesegeta.methods.pictures.plane import cells_of, known_layout, lay_out, reduced
from torchesegeta.methods.pictures.vector_file import Rows, VectorFile
from torchesegeta.methods.readouts import activation
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gather, Gathered, Part, Readout, Sample, Sweep


@register("activation_atlas")
class ActivationAtlas(DirectionMethod):
    """A layer's activations at many places of many images, laid out in the plane, averaged cell by cell and pictured.

    Each class's attribution of every cell, Σ gradient · activation, comes along where targets are read; with
    `speaks_for` the atlas holds only what speaks for one class.
    """

    title = "Activation atlas"
    source = "Carter et al. 2019, doi:10.23915/distill.00015"
    quantity = "pictures of the layer's activations in many images, like ones near each other"
    of_model: ClassVar[bool] = True
    fewest_images = 2

    samples: int = Field(16, ge=1, le=1_000_000, description="Random places of the layer taken of each image.")
    grid: int = Field(10, ge=1, le=200, description="Cells along each axis of the plane.")
    least: int = Field(1, ge=1, le=1_000_000, description="Vectors below which a cell stays empty.")
    layout: Literal["auto", "umap", "tsne", "pca"] = Field(
        "auto",
        description="What lays vectors out: UMAP, which is an extra; t-SNE; or their first two principal components. "
        "`auto`: UMAP where it is installed, else t-SNE.",
    )
    dimensions: int = Field(
        50, ge=2, le=1000, description="Principal components that UMAP and t-SNE get of each vector, at most."
    )
    neighbours: int = Field(
        30, ge=2, le=1000, description="How many vectors each is kept near: UMAP's neighbours, t-SNE's perplexity."
    )
    attribute: bool = Field(
        True, description="Attribute every target to the cells; takes a backward pass for each, and a gradient."
    )
    speaks_for: str | None = Field(
        None,
        description="Name of a target: only vectors that speak for it, and for no other target more (a class atlas).",
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass at each image, then an optimisation."""
        return (Gather(graded=self._reads_targets, samples=self.samples), self.drawing(self.grid**2))

    @property
    def _reads_targets(self) -> bool:
        return self.attribute or self.speaks_for is not None

    def readout(self, context: Context) -> Readout:
        """(C, rows · size, columns · size), in 3D (C, rows · size, columns · size, size): a mosaic.

        In `arrays`, for each vector: `positions` (n, 2) from 0 to 1, along rows and columns; `image` (n,) it comes
        from; `cell` (n,) it lies in, row by row. For each cell: `counts` (rows, columns), `activations` (rows, columns,
        channels), and `attribution_to_` each target (rows, columns), NaN where nothing is known of it.
        """
        return _Atlas(self, context)


@dataclass
class _Atlas(Pictured):
    """An atlas under way.

    Attributes:
        vectors: Of all images.
        images: Their names, with the key of each and where its vectors begin.
        scores: Of each target, by name: where vectors begin, and what each adds to the score.
        notes: What its reader must know.
        short: Whether the deadline came before the last image.
        plane: The finished layout.
        excited: Whether any vector is not 0.
    """

    vectors: VectorFile = field(default_factory=VectorFile)
    images: list[tuple[str, str, int]] = field(default_factory=list)
    scores: dict[str, list[tuple[int, NDArray[np.float32]]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    short: str | None = None
    plane: _Plane | None = None
    excited: bool = False

    @property
    def atlas(self) -> ActivationAtlas:
        """The method."""
        assert isinstance(self.method, ActivationAtlas)
        return self.method

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        assert isinstance(sample, Gathered)
        values, start = activation(sample), self.vectors.count
        self.excited = self.excited or bool(values.any())
        self.images.append((sample.image, sample.key, start))
        self.vectors.append(values)
        for name, gradient in sample.gradients.items():
            added = (gradient * values).sum(1).float().cpu().numpy()
            self.scores.setdefault(name, []).append((start, added))

    def lose(self, why: str) -> None:
        """See `Gatherer.lose`."""
        self.notes.append(f"an image is left out: {why}")

    def cut(self, why: str) -> None:
        """See `Gatherer.cut`."""
        self.short = why

    def directions(self) -> Tensor:
        """The mean activation of each cell."""
        if len(self.images) < ActivationAtlas.fewest_images:
            raise IncompatibleError("an atlas is made of several images: explain a list of at least two")
        self.plane = self._lay_out()
        return self.plane.means

    def _lay_out(self) -> _Plane:
        check_excited(self.excited, self.context.layer)
        atlas, known = self.atlas, self._known()
        layout = known_layout(atlas.layout)
        if atlas.layout == "auto":
            self.notes.append(f"laid out by {'UMAP' if layout == 'umap' else 't-SNE'}")
        rows = self._rows(known)
        seed = whole_number("|".join(sorted(key for _, key, _ in self.images)), 0)
        ordered = self._by_content(rows)
        components = reduced(self.vectors, rows[ordered], atlas.dimensions)
        positions = np.empty((len(rows), 2))
        positions[ordered] = lay_out(components, layout, atlas.neighbours, seed)
        cells = cells_of(positions, atlas.grid)
        counts = np.bincount(cells, minlength=atlas.grid**2)
        means = self.vectors.means(rows, cells, atlas.grid**2)
        means[counts < atlas.least] = 0
        return _Plane(rows, positions, cells, counts, torch.from_numpy(means), known)

    def _known(self) -> dict[str, NDArray[np.float32]]:
        """What each vector adds to each target: (n,) by name, NaN where its image has no such target."""
        known = {}
        for name, parts in self.scores.items():
            known[name] = np.full(self.vectors.count, np.nan, np.float32)
            for start, added in parts:
                known[name][start : start + len(added)] = added
        return known

    def _rows(self, known: dict[str, NDArray[np.float32]]) -> Rows:
        """The vectors that the atlas is made of."""
        wanted = self.atlas.speaks_for
        if wanted is None:
            return np.arange(self.vectors.count)
        if wanted not in known:
            raise IncompatibleError(f"speaks_for: {unknown('target', wanted, known, where='of these images')}")
        best = np.fmax.reduce(list(known.values()))
        return np.flatnonzero((known[wanted] > 0) & (known[wanted] >= best))

    def _by_content(self, rows: Rows) -> Rows:
        """The rows' numbers in an order that does not depend on that of the images."""
        starts = np.array([start for _, _, start in self.images])
        places = np.argsort(np.argsort([key for _, key, _ in self.images], kind="stable"))
        image = np.searchsorted(starts, rows, side="right") - 1
        return np.asarray(np.argsort(places[image], kind="stable"))

    def several(self) -> Sequence[Part]:
        """One mosaic."""
        assert self.plane is not None
        side, plane = self.atlas.grid, self.plane
        pictures = self.sheet(side**2)
        layout = (side, side, 1)[: pictures.ndim - 2]
        part = Part(self.atlas.speaks_for, values=mosaic(pictures, layout), warnings=[*self.notes, *self.lacks])
        part.stopped = "; ".join(filter(None, [self.short, self.stopped])) or None
        filled = float((plane.counts >= self.atlas.least).sum())
        part.measures = {"images": float(len(self.images)), "vectors": float(len(plane.rows)), "filled_cells": filled}
        part.measures |= self.reached
        part.arrays = self._arrays(plane)
        return [part]

    def _arrays(self, plane: _Plane) -> dict[str, Tensor]:
        side = self.atlas.grid
        starts = np.array([start for _, _, start in self.images])
        arrays = {
            "positions": torch.from_numpy(plane.positions),
            "image": torch.from_numpy(np.searchsorted(starts, plane.rows, side="right") - 1),
            "cell": torch.from_numpy(plane.cells),
            "counts": torch.from_numpy(plane.counts).view(side, side),
            "activations": plane.means.view(side, side, -1),
        }
        for name in plane.known:
            arrays[f"attribution_to_{name}"] = torch.from_numpy(plane.attribution(name)).view(side, side)
        return arrays


@dataclass(frozen=True, eq=False)
class _Plane:
    """Where vectors lie.

    Attributes:
        rows: (n,), of the file.
        positions: (n, 2), 0 to 1.
        cells: (n,).
        counts: (cells,).
        means: (cells, channels), 0 for those that stay empty.
        known: What each of the file's vectors adds to a target, by name.
    """

    rows: Rows
    positions: NDArray[np.float64]
    cells: Rows
    counts: Rows
    means: Tensor
    known: dict[str, NDArray[np.float32]]

    def attribution(self, name: str) -> NDArray[np.float64]:
        """Mean over each cell's vectors of what they add to a target: (cells,)."""
        values = self.known[name][self.rows].astype(np.float64)
        there, size = ~np.isnan(values), len(self.counts)
        sums = np.bincount(self.cells[there], values[there], minlength=size)
        numbers = np.bincount(self.cells[there], minlength=size)
        return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
