"""What a run folder holds, read for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from torchesegeta.ledger import AGREEMENT, in_order, read_records, read_runs, shards_in

Record: TypeAlias = Mapping[str, Any]

PLACE = ("image", "label", "layer", "target")
"""What tells maps apart."""
NEEDED = {
    "map": ("method", "label", "image", "status"),
    "figure": ("kind", "label", "image"),
    "score": ("label", "image", "metric", "value"),
}
"""What a line must hold to be shown; lines without it were not written by a run."""

STATUSES = {
    "ok": "complete",
    "partial": "stopped at the deadline, with the samples done",
    "failed": "an error; no map",
    "timeout": "took too long; no map",
    "incompatible": "cannot be applied here; no map",
}
"""Every status, and what it means."""


@dataclass(frozen=True)
class Run:
    """A run as its folder tells it.

    Attributes:
        folder: The run folder.
        about: `run.json`.
        maps: The last record of every map, in the order they were first written.
        overviews: The last record of every figure of several maps or pictures.
        scores: The last record of every score.
        comparisons: The last record of every figure that compares methods.
    """

    folder: Path
    about: Record
    maps: tuple[Record, ...]
    overviews: tuple[Record, ...]
    scores: tuple[Record, ...] = ()
    comparisons: tuple[Record, ...] = ()

    @cached_property
    def images(self) -> tuple[str, ...]:
        """Names of the images that there are maps of, in order."""
        return tuple(dict.fromkeys(str(record["image"]) for record in self.maps))

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The number of each record among those of its kind, by its identity."""
        return {id(record): n for pool in (self.maps, self.overviews) for n, record in enumerate(pool)}

    def first(self, figures: int, rows: int) -> Run:
        """The run of the first images alone: as many as have so many figures and maps together, one in any case."""
        drawn = Counter(str(r["image"]) for r in (*self.maps, *self.overviews) if is_drawn(r))
        listed = Counter(str(record["image"]) for record in self.maps)
        kept: set[str] = set()
        for image in self.images:
            figures, rows = figures - drawn[image], rows - listed[image]
            if kept and min(figures, rows) < 0:
                break
            kept.add(image)
        if len(kept) == len(self.images):
            return self
        maps = tuple(record for record in self.maps if str(record["image"]) in kept)
        return replace(self, maps=maps, overviews=tuple(r for r in self.overviews if str(r["image"]) in kept))


def read(folder: Path) -> Run:
    """Read a run folder.

    Scores are put with the measures of the map they belong to.

    Raises:
        StoreError: It is none, or `run.json` is damaged.
    """
    about = read_runs(folder)
    records = list(read_records(folder))
    records = in_order(records, about) if shards_in(folder) else records
    scores: dict[tuple[Any, ...], dict[str, Any]] = {}
    lines = _last(records, "score", (*PLACE, "metric"))
    for score in lines:
        if isinstance(score.get("value"), (int, float)):
            scores.setdefault(_place(score), {})[str(score["metric"])] = score["value"]
    maps = [_with_scores(record, scores.get(_place(record), {})) for record in _last(records, "map", PLACE)]
    figures = _last(records, "figure", ("kind", "image", "label", "layer", "target"))
    overviews = [one for one in figures if one["label"] != AGREEMENT]
    comparisons = [one for one in figures if one["label"] == AGREEMENT]
    return Run(folder, about, tuple(maps), tuple(overviews), tuple(lines), tuple(comparisons))


def _last(records: Iterable[Record], kind: str, key: tuple[str, ...]) -> list[Record]:
    """The last record of every key; a resumed run writes again."""
    whole = [r for r in records if r["record"] == kind and all(name in r for name in NEEDED[kind])]
    return list({tuple(str(r.get(name)) for name in key): r for r in whole}.values())


def _place(record: Record) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in PLACE)


def _with_scores(record: Record, own: Record) -> Record:
    return {**record, "measures": {**(record.get("measures") or {}), **own}}


def is_picture(record: Record) -> bool:
    """Whether a record is of pictures of their own, not of maps of the image."""
    return record.get("shows") == "picture"


def is_drawn(record: Record) -> bool:
    """Whether a record has a figure."""
    return bool((record.get("files") or {}).get("figure"))
