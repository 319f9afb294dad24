"""What a run folder holds, read for the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from torchesegeta.ledger import in_order, read_records, read_runs, shards_in

Record: TypeAlias = Mapping[str, Any]

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
    """

    folder: Path
    about: Record
    maps: tuple[Record, ...]
    overviews: tuple[Record, ...]


def read(folder: Path) -> Run:
    """Read a run folder.

    Scores are put with the measures of the map they belong to.

    Raises:
        StoreError: It is none, or `run.json` is damaged.
    """
    about = read_runs(folder)
    records = list(read_records(folder))
    records = in_order(records, about) if shards_in(folder) else records
    scores = _last(records, "score", ("image", "label", "layer", "target", "metric"))
    maps = [_with_scores(record, scores) for record in _last(records, "map", ("image", "label", "layer", "target"))]
    overviews = _last(records, "figure", ("kind", "image", "label", "layer", "target"))
    return Run(folder, about, tuple(maps), tuple(overviews))


def _last(records: Iterable[Record], kind: str, key: tuple[str, ...]) -> list[Record]:
    """The last record of every key; a resumed run writes again."""
    whole = [r for r in records if r["record"] == kind and all(name in r for name in NEEDED[kind])]
    return list({tuple(str(r.get(name)) for name in key): r for r in whole}.values())


def _with_scores(record: Record, scores: Iterable[Record]) -> Record:
    place = ("image", "label", "layer", "target")
    own = {
        str(score["metric"]): score["value"]
        for score in scores
        if isinstance(score.get("value"), (int, float)) and all(score.get(k) == record.get(k) for k in place)
    }
    return {**record, "measures": {**(record.get("measures") or {}), **own}}


def is_picture(record: Record) -> bool:
    """Whether a record is of pictures of their own, not of maps of the image."""
    return record.get("shows") == "picture"


def is_drawn(record: Record) -> bool:
    """Whether a record has a figure."""
    return bool((record.get("files") or {}).get("figure"))
