"""What the chapter on trust says of all methods together: their agreement, and which structure feeds which class."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torchesegeta.figures import draw_regions
from torchesegeta.metrics.region_table import region_tables
from torchesegeta.report.pictures import Album
from torchesegeta.report.plates import Plate, drawn
from torchesegeta.report.records import Record, Run, is_drawn
from torchesegeta.store import score_of, slug

REGIONS = "region_shares"
MOST = 12
"""Images and targets whose agreement is shown; the run folder holds all."""


def agreement(run: Run, album: Album) -> tuple[tuple[Plate, ...], int]:
    """The figures of the first images and targets, and how many there are besides."""
    made = [record for record in run.comparisons if is_drawn(record)]
    found = [(_where(record), album.picture(str(record["files"]["figure"]), wide=True)) for record in made[:MOST]]
    return tuple(Plate(title, picture) for title, picture in found if picture is not None), len(made[MOST:])


def _where(record: Record) -> str:
    target = record.get("target")
    return f"Agreement of methods: {record['image']}" + ("" if target is None else f", {target}")


def regions(run: Run, album: Album) -> Iterator[Plate]:
    """A table and a heat map per metric, method and layer, of all images together, which are written too.

    Raises:
        StoreError: The run folder cannot be written.
    """
    scores = [score_of(one) for one in run.scores if one.get("metric_name") == REGIONS and one["value"] is not None]
    metrics = list(dict.fromkeys(score.metric for score in scores))
    for metric in metrics:
        for table in region_tables(score for score in scores if score.metric == metric):
            name = f"{table.label} at {table.layer}" if table.layer else table.label
            stem = "__".join(slug(part) for part in (metric, table.label, table.layer) if part)
            table.write(run.folder / "evaluation" / f"{stem}.csv")
            title = f"{name}: which structure feeds which class" + (f" ({metric})" if len(metrics) > 1 else "")
            yield from drawn(run, album, stem, title, partial(draw_regions, table))
