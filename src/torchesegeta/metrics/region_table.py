"""Shares by region over a data set: which structure feeds which class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import InputError
from torchesegeta.ledger import write_csv
from torchesegeta.metrics.region_shares import SHARE, VOLUME
from torchesegeta.types import Score

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionTable:
    """Mean shares of a method's maps over the images of a data set.

    Attributes:
        label: The method's.
        layer: Layer of the maps, or None.
        structures: Names of the S structures.
        targets: Names of the T targets.
        share: (S, T): mean over the images that have the structure; NaN where none has.
        spread: (S, T): standard deviation over these images; NaN where they are fewer than two.
        volume: (S, T): mean share of these images that the structure takes.
        images: (S, T): how many they are.
    """

    label: str
    layer: str | None
    structures: tuple[str, ...]
    targets: tuple[str, ...]
    share: Table
    spread: Table
    volume: Table
    images: NDArray[np.int64]

    @property
    def density(self) -> Table:
        """(S, T): the share over that which an even map gives: above 1 a structure is looked at more than its size."""
        return self.share / self.volume

    def rows(self) -> Iterator[dict[str, str | float]]:
        """A row for every structure and target that meet."""
        for s, structure in enumerate(self.structures):
            for t, target in enumerate(self.targets):
                if self.images[s, t]:
                    yield {
                        "method": self.label,
                        "layer": self.layer or "",
                        "structure": structure,
                        "target": target,
                        "share": float(self.share[s, t]),
                        "spread": float(self.spread[s, t]),
                        "volume": float(self.volume[s, t]),
                        "density": float(self.density[s, t]),
                        "images": int(self.images[s, t]),
                    }

    def write(self, path: Path | str) -> Path:
        """Write the rows as CSV.

        Raises:
            StoreError: The file cannot be written.
        """
        rows = list(self.rows())
        write_csv(Path(path), list(rows[0]), (list(row.values()) for row in rows))
        return Path(path)


def region_tables(scores: Iterable[Score]) -> list[RegionTable]:
    """Put the shares by region of a data set together: a table for every method, and layer of it.

    Args:
        scores: Of `evaluate` or `load_scores`; those of the metric `region_shares` that have a value are read.

    Raises:
        InputError: There are none, or they are of several metrics of that kind.
    """
    found: dict[tuple[str, str | None], list[Score]] = defaultdict(list)
    entries = set()
    for score in scores:
        if score.metric_name == "region_shares" and score.value is not None:
            found[score.label, score.layer].append(score)
            entries.add(score.metric)
    if not found:
        raise InputError("no score of the metric 'region_shares' has a value")
    if len(entries) > 1:
        raise InputError(f"scores of several metrics, {', '.join(sorted(entries))}: choose those of one")
    return [_table(label, layer, own) for (label, layer), own in found.items()]


def _table(label: str, layer: str | None, scores: list[Score]) -> RegionTable:
    targets = tuple(dict.fromkeys(score.target or "no target" for score in scores))
    structures = tuple(dict.fromkeys(step for score in scores for step in score.steps))
    cells: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for score in scores:
        column = targets.index(score.target or "no target")
        for step, *pair in zip(score.steps, score.curves[SHARE], score.curves[VOLUME], strict=True):
            cells[structures.index(step), column].append((pair[0], pair[1]))
    shape = len(structures), len(targets)
    share, spread, volume = np.full((3, *shape), np.nan)
    images = np.zeros(shape, dtype=np.int64)
    for cell, pairs in cells.items():
        shares, volumes = np.array(pairs).T
        share[cell], volume[cell], images[cell] = shares.mean(), volumes.mean(), len(pairs)
        if len(pairs) > 1:
            spread[cell] = shares.std(ddof=1)
    return RegionTable(label, layer, structures, targets, share, spread, volume, images)
