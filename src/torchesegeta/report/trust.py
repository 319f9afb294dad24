"""The chapter "Can these explanations be trusted?": verdicts first, then scores, curves and strips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from matplotlib.figure import Figure

from torchesegeta.figures.cascade import CascadeRow, cascade_strip
from torchesegeta.figures.curves import draw_curves
from torchesegeta.figures.frame import Array, frame_of, projected_along
from torchesegeta.figures.measures import in_words
from torchesegeta.report import comparing
from torchesegeta.report.catalogue import Catalogue, info
from torchesegeta.report.pictures import Album
from torchesegeta.report.plates import Plate, drawn
from torchesegeta.report.records import Record, Run
from torchesegeta.store import slug
from torchesegeta.verdict import CASCADE, SIMILARITY, Thresholds, as_json, judge

MOST_STRIPS = 4
"""Images and targets whose strips are shown; the table holds all."""

MOST_ROWS = 12
"""Methods in a strip."""


@dataclass(frozen=True)
class ScoreRow:
    """A method's scores: the mean over images and targets for every metric, as text."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Trust:
    """The chapter.

    Attributes:
        verdicts: As in `verdicts.json`; None where no score answers a question.
        titles: Methods' names for people, by label and layer.
        metrics: Names of the metrics of `scores`.
        scores: A row per method.
        amiss: Scores that are missing: the reason, and how many.
        curves: A figure per metric that has curves.
        strips: The cascade, by image and target.
        agreement: How far the methods agree, of the first images and targets.
        undrawn: Figures of agreement that are in the run folder alone.
        regions: Which structure feeds which class, by method.
    """

    verdicts: Mapping[str, Any] | None
    titles: Mapping[tuple[str, str | None], str]
    metrics: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    amiss: tuple[tuple[str, int], ...]
    curves: tuple[Plate, ...]
    strips: tuple[Plate, ...]
    agreement: tuple[Plate, ...]
    undrawn: int
    regions: tuple[Plate, ...]


def chapter(run: Run, catalogue: Catalogue, album: Album) -> Trust | None:
    """The chapter; None for a run without scores. Its figures are written to the run folder.

    Raises:
        StoreError: The run folder cannot be read or written.
    """
    if not run.scores:
        return None
    titles = {_method(score): _title(score, catalogue) for score in run.scores}
    metrics = tuple(dict.fromkeys(str(score["metric"]) for score in run.scores))
    agreement, undrawn = comparing.agreement(run, album)
    return Trust(
        _verdicts(run),
        titles,
        metrics,
        tuple(ScoreRow(title, tuple(_cell(run, key, metric) for metric in metrics)) for key, title in titles.items()),
        tuple(_amiss(run)),
        tuple(_curves(run, titles, album)),
        tuple(_strips(run, titles, album)),
        agreement,
        undrawn,
        tuple(comparing.regions(run, album)),
    )


def _verdicts(run: Run) -> dict[str, Any] | None:
    """What the scores say so far, as in `verdicts.json`."""
    thresholds = Thresholds.of_run(run.about)
    verdicts = judge(run.scores, run.maps, thresholds)
    return as_json(verdicts, thresholds) if verdicts else None


def _method(score: Record) -> tuple[str, str | None]:
    return str(score["label"]), score.get("layer")


def _title(score: Record, catalogue: Catalogue) -> str:
    method, label, layer = (score.get(name) for name in ("method", "label", "layer"))
    title = info(catalogue, str(method)).title
    name = title if label == method else f"{label} ({title})"
    return f"{name} at {layer}" if layer else name


def _cell(run: Run, key: tuple[str, str | None], metric: str) -> str:
    own = [score for score in run.scores if _method(score) == key and score["metric"] == metric]
    values = [float(score["value"]) for score in own if isinstance(score["value"], int | float)]
    if values:
        return f"{np.mean(values):.3g}"
    return str(own[0].get("status") or "–") if own else "–"


def _amiss(run: Run) -> Iterator[tuple[str, int]]:
    reasons = [f"{s['metric']}: {s.get('reason') or 'no reason given'}" for s in run.scores if s["value"] is None]
    for reason in dict.fromkeys(reasons):
        yield reason, reasons.count(reason)


def _curves(run: Run, titles: Mapping[tuple[str, str | None], str], album: Album) -> Iterator[Plate]:
    """A figure per metric, and per series of steps where methods have several: means over images and targets."""
    groups: dict[tuple[str, tuple[str, ...]], dict[str, dict[str, list[Sequence[float | None]]]]] = {}
    for score in run.scores:
        steps = tuple(score.get("steps") or ())
        for name, curve in (score.get("curves") or {}).items():
            if len(curve) == len(steps) > 1:
                panels = groups.setdefault((str(score["metric"]), steps), {})
                panels.setdefault(name, {}).setdefault(titles[_method(score)], []).append(curve)
    for number, ((metric, steps), panels) in enumerate(groups.items()):
        means = {name: {title: _mean(found) for title, found in panel.items()} for name, panel in panels.items()}
        title = in_words(metric).capitalize()
        notes = ["means over images and targets"]

        def draw(means: Any = means, steps: Any = steps, title: str = title, notes: Any = notes) -> Figure:
            return draw_curves(means, steps, title=title, notes=notes)

        yield from drawn(run, album, f"curves-{number}-{slug(metric)}", title, draw)


def _mean(curves: Sequence[Sequence[float | None]]) -> list[float | None]:
    known = [[value for value in step if value is not None] for step in zip(*curves, strict=True)]
    return [float(np.mean(values)) if values else None for values in known]


def _strips(run: Run, titles: Mapping[tuple[str, str | None], str], album: Album) -> Iterator[Plate]:
    groups: dict[tuple[str, str, tuple[str, ...]], list[Record]] = {}
    for score in run.scores:
        if score.get("metric_name") == CASCADE and (score.get("files") or {}).get("arrays"):
            key = (str(score["image"]), str(score.get("target")), tuple(score.get("steps") or ()))
            groups.setdefault(key, []).append(score)
    signed = {(str(one["label"]), one.get("layer")): bool(one.get("signed", True)) for one in run.maps}
    for number, ((image, target, steps), scores) in enumerate(list(groups.items())[:MOST_STRIPS]):
        about: Mapping[str, Any] = next((one for one in run.about.get("images") or () if one.get("name") == image), {})
        read = [(score, _views(run.folder, score)) for score in scores[:MOST_ROWS]]
        views = [(score, found) for score, found in read if found is not None]
        if not views:
            continue
        title = f"Weights drawn anew: {image}, {target}"

        def draw(views: Any = views, steps: Any = steps, about: Any = about, title: str = title) -> Figure:
            return _strip(views, steps, about, title, titles, signed, _convention(run))

        yield from drawn(run, album, f"cascade-{number}-{slug(image)}", title, draw)


def _strip(
    views: Sequence[tuple[Record, Mapping[str, Array]]],
    steps: Sequence[str],
    about: Mapping[str, Any],
    title: str,
    titles: Mapping[tuple[str, str | None], str],
    signed: Mapping[tuple[str, str | None], bool],
    convention: Any,
) -> Figure:
    affine = about.get("affine")
    place = None if affine is None else np.asarray(affine, dtype=float)
    largest = max(_shape(found) for _, found in views)
    frame, rows = frame_of(largest, place, convention), []
    for score, found in views:
        view = found["plane"] if "plane" in found else found[f"axis{projected_along(frame, frame.planes[0])}"]
        similarity = tuple((score.get("curves") or {}).get(SIMILARITY, ()))
        rows.append(CascadeRow(titles[_method(score)], view, signed.get(_method(score), True), similarity))
    notes = ["each map on its own scale", "below: rank correlation with the original, where either is not 0"]
    notes += ["strongest value along the line of sight"] if len(largest) == 3 else []
    return cascade_strip(rows, steps, frame, title=title, notes=notes)


def _shape(views: Mapping[str, Array]) -> tuple[int, ...]:
    """Of the map that they are views of."""
    if "plane" in views:
        return tuple(views["plane"].shape[1:])
    return (views["axis1"].shape[1], *views["axis0"].shape[1:])


def _views(folder: Path, score: Record) -> dict[str, Array] | None:
    """What a score has of its maps; None where the file is gone or damaged: it costs no report."""
    path = folder / score["files"]["arrays"]
    try:
        found = dict(safetensors.numpy.load_file(path))
    except (OSError, ValueError, safetensors.SafetensorError):
        return None
    return found if "plane" in found or {"axis0", "axis1", "axis2"} <= set(found) else None


def _convention(run: Run) -> str:
    config = run.about.get("config")
    return str(config.get("convention") or "radiological") if isinstance(config, Mapping) else "radiological"
