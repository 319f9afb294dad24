"""The report's content, ready for the template: summary, warnings, table, figures of maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torchesegeta.report import words
from torchesegeta.report.catalogue import Catalogue, MethodInfo, info
from torchesegeta.report.pictures import Album, Picture
from torchesegeta.report.records import STATUSES, Record, Run, is_drawn, is_picture

KINDS = {"layer_strip": "layer by layer", "target_panel": "target by target"}
"""Figures of several maps, by kind, as a title says it."""


MOST_NAMES = 200
"""How many maps are listed of those that a warning or a reason holds for."""


@dataclass(frozen=True)
class Remark:
    """A warning or a reason, and the maps it holds for."""

    text: str
    maps: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A map or picture in the table; `anchor` is that of the figure that shows it, or None."""

    record: Record
    title: str
    anchor: str | None
    measures: str


@dataclass(frozen=True)
class Plate:
    """A figure with its words; `picture` is None where the file is gone, `wide` ones take the page's whole width."""

    anchor: str
    title: str
    alternative: str
    picture: Picture | None
    record: Record
    parameters: str
    wide: bool = False


@dataclass(frozen=True)
class Chapter:
    """One method: what it is, and its figures by image."""

    anchor: str
    info: MethodInfo
    images: tuple[tuple[str, tuple[Plate, ...]], ...]


def rows(run: Run, catalogue: Catalogue) -> list[Row]:
    """The table of maps; the anchors are those of the figures."""
    return [
        Row(record, info(catalogue, record["method"]).title, _shown_at(run, record), words.measures(record["measures"]))
        for record in run.maps
    ]


def _shown_at(run: Run, record: Record) -> str | None:
    """The anchor of a map's own figure, or of the one that shows it with others."""
    if is_drawn(record):
        return anchor(run, record)
    place = {"layer": record.get("layer"), "target": record.get("target")}
    alike = (o for o in run.overviews if (o["image"], o["label"]) == (record["image"], record["label"]))
    return next((anchor(run, o) for o in alike if is_drawn(o) and place in o.get("members", ())), None)


def album_of(run: Run) -> Album:
    """The figures of a run as pictures."""
    return Album(run.folder, sum(is_drawn(record) for record in (*run.overviews, *run.maps)))


def families(run: Run, catalogue: Catalogue, album: Album) -> list[tuple[str, list[Chapter]]]:
    """The figures of maps by family of methods, then method, then image; overviews before single maps."""
    methods = {str(r["label"]): str(r["method"]) for r in run.maps}
    drawn = [r for r in (*run.overviews, *run.maps) if is_drawn(r) and not is_picture(r)]
    found: dict[str, list[Chapter]] = {}
    for label in [*methods, *dict.fromkeys(str(r["label"]) for r in drawn if str(r["label"]) not in methods)]:
        about = info(catalogue, methods.get(label, label))
        own = [r for r in drawn if str(r["label"]) == label]
        if own:
            shown = entitled(about, label, methods.get(label, label))
            found.setdefault(about.family, []).append(_chapter(run, label, shown, own, album))
    order = list(dict.fromkeys(entry.family for entry in catalogue.values()))
    return sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def entitled(about: MethodInfo, label: str, method: str) -> MethodInfo:
    """What is said about a method, under the name it has in the run."""
    return about if label == method else replace(about, title=f"{label} ({about.title})")


def _chapter(run: Run, label: str, about: MethodInfo, own: list[Record], album: Album) -> Chapter:
    images = dict.fromkeys(str(r["image"]) for r in own)
    plates = tuple((image, tuple(_plate(run, r, about, album) for r in own if r["image"] == image)) for image in images)
    return Chapter(chapter_anchor(label), about, plates)


def _plate(run: Run, record: Record, about: MethodInfo, album: Album) -> Plate:
    kind = KINDS.get(str(record.get("kind")))
    title = words.name_of({**record, "label": None}, about.title) + (f", {kind}" if kind else "")
    what = "maps side by side in one slice" if kind else str(record.get("quantity") or "map") + " over the image"
    picture = album.picture(str(record["files"]["figure"]))
    alternative = f"{title}: {what}"
    return Plate(anchor(run, record), title, alternative, picture, record, words.parameters(record.get("parameters")))


def chapter_anchor(label: str) -> str:
    """A name for links to a method."""
    return f"method-{''.join(c if c.isalnum() else '-' for c in label)}"


def anchor(run: Run, record: Record) -> str:
    """A name for links; numbers keep maps apart that slugs would not."""
    return f"{record['record']}-{run.numbers[id(record)]}"


def warnings(run: Run, catalogue: Catalogue) -> list[Remark]:
    """Warnings of the run, then those of maps, each once with the maps it holds for."""
    general = [Remark(str(text), ()) for text in run.about.get("warnings") or ()]
    pairs = ((str(text), record) for record in run.maps for text in record.get("warnings") or ())
    return general + _grouped(pairs, catalogue)


def reasons(run: Run, catalogue: Catalogue) -> list[tuple[str, list[Remark]]]:
    """Why maps are missing or partial, by status."""
    found = []
    for status in STATUSES:
        pairs = [(str(r.get("reason") or "no reason given"), r) for r in run.maps if r["status"] == status != "ok"]
        if pairs:
            found.append((status, _grouped(pairs, catalogue)))
    return found


def _grouped(pairs: Iterable[tuple[str, Record]], catalogue: Catalogue) -> list[Remark]:
    groups: dict[str, list[str]] = {}
    for text, record in pairs:
        groups.setdefault(text, []).append(words.name_of(record, info(catalogue, record["method"]).title))
    return [Remark(text, _some(maps)) for text, maps in groups.items()]


def _some(names: list[str]) -> tuple[str, ...]:
    """Names, and how many there are besides."""
    more = len(names) - MOST_NAMES
    return tuple(names) if more <= 0 else (*names[:MOST_NAMES], f"and {more} more")


@dataclass(frozen=True)
class Share:
    """How a method fared over all images: its maps by status, and the mean seconds of those that are there."""

    title: str
    counts: Mapping[str, int]
    seconds: float | None


def shares(run: Run, catalogue: Catalogue) -> list[Share]:
    """Every method of a run."""
    found: dict[str, list[Record]] = {}
    for record in run.maps:
        found.setdefault(str(record["label"]), []).append(record)
    return [_share(label, records, catalogue) for label, records in found.items()]


def _share(label: str, records: list[Record], catalogue: Catalogue) -> Share:
    method = str(records[0]["method"])
    statuses = [str(record["status"]) for record in records]
    seconds = [float(record["seconds"]) for record in records if record["status"] == "ok" and record.get("seconds")]
    title = entitled(info(catalogue, method), label, method).title
    return Share(title, Counter(statuses), sum(seconds) / len(seconds) if seconds else None)


def counts(run: Run) -> list[tuple[str, int, str]]:
    """(status, number of maps, what it means), in the order of `STATUSES`, those that occur."""
    statuses = [str(record["status"]) for record in run.maps]
    return [(status, statuses.count(status), meaning) for status, meaning in STATUSES.items() if status in statuses]


def subject(run: Run) -> list[tuple[str, str]]:
    """What was explained: the model, its classes, the targets; and what it took."""
    config: Any = run.about.get("config") or {}
    model = config.get("model") if isinstance(config.get("model"), dict) else {}
    explained = [record for record in run.maps if not is_picture(record)]
    targets = dict.fromkeys(str(r["target"]) for r in explained if r.get("target") is not None)
    layers = dict.fromkeys(str(r["layer"]) for r in run.maps if r.get("layer"))
    facts = [
        ("Model", model.get("factory") or model.get("program")),
        ("Weights", model.get("checkpoint") or ("none given: random weights" if model.get("factory") else None)),
        ("Classes", ", ".join(map(str, run.about.get("class_names") or ()))),
        ("Explained", ", ".join(targets)),
        ("Layers", ", ".join(layers)),
        ("Passes", _passes(run)),
    ]
    return [(name, str(value)) for name, value in facts if value]


def _passes(run: Run) -> str:
    """The passes through the model in all; maps of one sweep share its time and passes, which count once."""
    sweeps = {(r["image"], r.get("seconds"), tuple((r.get("passes") or {}).items())) for r in run.maps}
    total: dict[str, int] = {}
    for _, _, passes in sweeps:
        for kind, count in passes:
            total[kind] = total.get(kind, 0) + count
    return ", ".join(f"{count} {kind}" for kind, count in total.items() if count)
