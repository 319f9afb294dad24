"""Inside a worker: how far the maps of an image agree, target by target; they are read from the run folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import ceil, pow, prod
from pathlib import Path

from torchesegeta.errors import InputError
from torchesegeta.execute.drawing import Drawing
from torchesegeta.execute.tickets import Ticket
from torchesegeta.figures import draw_agreement
from torchesegeta.inputs import output_grid, to_file_grid
from torchesegeta.ledger import AGREEMENT, SUMS, Record, write_csv
from torchesegeta.metrics.agreement import Agreement, agreement
from torchesegeta.plan import Plan
from torchesegeta.store import read_on_model_grid, slug, write_values
from torchesegeta.types import Attribution, Image

log = logging.getLogger(__name__)

KIND = "agreement"
MOST_VOXELS = 2**21
"""Voxels of each map that are ranked; of a larger one every second, third, … along each axis."""


def agreement_tickets(plan: Plan, image: str) -> Iterator[Ticket]:
    """A job that compares an image's maps, where the run is evaluated and several methods make maps of the image."""
    if plan.examinations and len(_comparable(plan)) > 1:
        yield Ticket(image, (AGREEMENT,), 0, kind="agreement")


def agreement_blanks(plan: Plan) -> dict[str, list[Record]]:
    """The record of a comparison that was not made; as of `Blueprint.blanks`."""
    return {AGREEMENT: [{**_record("", None, ()), "status": "failed"}]} if plan.examinations else {}


def _comparable(plan: Plan) -> list[str]:
    """Labels of the methods that make maps in image space."""
    tasks = [task for job in plan.jobs for task in job.tasks]
    return [t.label for t in tasks if t.method.shows == "map" and any(map(t.method.in_image_space, t.places))]


def compare(folder: Path, lines: Sequence[Record], image: Image, drawing: Drawing) -> Iterator[Record]:
    """Compare an image's maps target by target; write a table, a figure and a consensus map of each.

    Args:
        folder: The run folder.
        lines: The manifest's lines of the image's maps; those in image space are compared.
        image: What they explain.
        drawing: Draws the figures.

    Yields:
        The record of each comparison.

    Raises:
        StoreError: A map's file is damaged, or nothing can be written.
    """
    usable = [line for line in lines if line["space"] == "image" and line.get("shows", "map") == "map"]
    for target in dict.fromkeys(line["target"] for line in usable):
        own = [line for line in usable if line["target"] == target and line["files"]]
        record, step = _record(image.name, target, own), _step(image)
        maps = [one for line in own if (one := _read(folder, line, image)) is not None]
        if len(maps) < len(own):
            log.warning("%d maps are not compared: the run has not kept them as they were made", len(own) - len(maps))
        try:
            found = agreement([_thinned(one, step) for one in maps])
        except InputError as error:
            yield {**record, "status": "incompatible", "reason": str(error)}
            continue
        except Exception as error:  # it costs neither maps nor scores
            log.exception("the maps cannot be compared")
            yield {**record, "status": "failed", "reason": f"{type(error).__name__}: {error}"}
            continue
        record |= {"left_out": found.left_out, "step": step}
        record["files"] = _written(folder, found, image, target, whole=step == 1)
        name = drawing.save(f"{KIND}/{_stem(target)}.png", partial(draw_agreement, found)) if drawing.maps else None
        if name is not None:
            record["files"]["figure"] = name
        yield record


def _read(folder: Path, line: Record, image: Image) -> Attribution | None:
    """A map on the model's grid; None where its files lie on another node, or have lost some of it."""
    here = all((folder / name).is_file() for kind, name in line["files"].items() if kind in SUMS)
    return read_on_model_grid(folder, line, image) if here else None


def _record(image: str, target: str | None, lines: Sequence[Record]) -> Record:
    return {
        "record": "figure",
        "kind": KIND,
        "method": KIND,
        "label": AGREEMENT,
        "target": target,
        "layer": None,
        "image": image,
        "shows": "map",
        "of_model": False,
        "members": [{"label": line["label"], "layer": line["layer"], "target": line["target"]} for line in lines],
        "status": "ok",
        "reason": None,
        "parameters": {},
        "left_out": {},
        "step": 1,
        "files": {},
    }


def _step(image: Image) -> int:
    """How many voxels are gone on along each axis, so that few enough are ranked."""
    return max(1, ceil(pow(prod(image.shape) / MOST_VOXELS, 1 / len(image.shape))))


def _thinned(one: Attribution, step: int) -> Attribution:
    """Every `step`-th voxel of a map along each axis."""
    if one.values is None or step == 1:
        return one
    axes = (slice(None, None, step),) * (one.values.ndim - 1)
    return replace(one, values=one.values[(slice(None), *axes)])


def _stem(target: str | None) -> str:
    return "all" if target is None else slug(target)


def _written(folder: Path, found: Agreement, image: Image, target: str | None, *, whole: bool) -> dict[str, str]:
    """Write the table, and the consensus where all voxels were ranked; their names in the run folder."""
    place = folder / "evaluation" / slug(image.name)
    files = {"table": _write_table(place / f"{KIND}__{_stem(target)}.csv", found)}
    if whole and found.consensus.values is not None:
        values = to_file_grid(found.consensus.values, image)
        files["consensus"] = write_values(place / f"consensus__{_stem(target)}", values, output_grid(image))
    return {kind: path.relative_to(folder).as_posix() for kind, path in files.items()}


def _write_table(path: Path, found: Agreement) -> Path:
    """The matrix in the order of the tree: a row per map, with its cluster."""
    columns = ["map", "cluster", *(found.names[n] for n in found.order)]
    rows = (
        [found.names[row], found.clusters[row], *(f"{found.correlation[row, column]:.6g}" for column in found.order)]
        for row in found.order
    )
    write_csv(path, columns, rows, durable=False)
    return path
