"""The chapter "What the network has learnt": pictures that methods made, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchesegeta.report import words
from torchesegeta.report.catalogue import Catalogue, MethodInfo, info
from torchesegeta.report.chapters import Plate, anchor, chapter_anchor, entitled
from torchesegeta.report.pictures import Album
from torchesegeta.report.records import Record, Run, is_drawn, is_picture

KINDS = {"sheet": "side by side", "picture_strip": "beside the image"}
"""Figures of several pictures, by kind, as a title says it."""

WHAT = (
    "Pictures made by the computer. Starting from noise, or from the image where that is said, a picture is changed in "
    "small steps towards an aim: that a part of the network responds as strongly as it can, or that a layer cannot "
    "tell the picture from the image. What appears is what that part looks for, or what that layer still knows."
)
NOT_A_MAP = (
    "They are not maps: they do not say where in the patient's image the network looked, and not why it decided as it "
    "did. Nothing that is seen in them is a finding."
)
OF_THE_IMAGE = (
    "Pictures beside an image were made from it, and left and right are the patient's. What they show more, or "
    "otherwise, than the image comes from the network, not from the patient."
)
NUMBERS = (
    "Below a picture stands its aim in numbers, at the start → in the end; higher is nearer to it. Where that hardly "
    "rises, or the picture looks like noise, no clear pattern was found; that does not prove that there is none."
)
SIMILARITY = "SSIM compares a picture with the image: 1 is the same, 0 has nothing in common with it."


@dataclass(frozen=True)
class Line:
    """A picture in words."""

    name: str
    status: str
    reason: str
    measures: str


@dataclass(frozen=True)
class Gallery:
    """The pictures of a method.

    Attributes:
        anchor: For links.
        info: What is said about the method.
        images: The figures by image; the image is None for pictures of the model itself.
        amiss: Pictures that are missing or partial.
        lines: Pictures that there are.
    """

    anchor: str
    info: MethodInfo
    images: tuple[tuple[str | None, tuple[Plate, ...]], ...]
    amiss: tuple[Line, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Learnt:
    """The chapter: how to read it, and the methods."""

    guide: tuple[tuple[str, str], ...]
    methods: tuple[Gallery, ...]


def chapter(run: Run, catalogue: Catalogue, album: Album) -> Learnt | None:
    """The chapter; None for a run without methods that make pictures."""
    made = [record for record in run.maps if is_picture(record)]
    if not made:
        return None
    labels = dict.fromkeys(str(record["label"]) for record in made)
    return Learnt(tuple(_guide(made)), tuple(_gallery(run, label, catalogue, album) for label in labels))


def _guide(made: Sequence[Record]) -> list[tuple[str, str]]:
    measured = [record.get("measures") or {} for record in made]
    numbers = [NUMBERS] if any("objective_reached" in measures for measures in measured) else []
    numbers += [SIMILARITY] if any("ssim" in measures for measures in measured) else []
    guide = [("What they are", WHAT), ("What they are not", NOT_A_MAP)]
    if not all(record.get("of_model") for record in made):
        guide.append(("Beside an image", OF_THE_IMAGE))
    return [*guide, ("The numbers", " ".join(numbers))] if numbers else guide


def _gallery(run: Run, label: str, catalogue: Catalogue, album: Album) -> Gallery:
    made = [record for record in run.maps if is_picture(record) and str(record["label"]) == label]
    method = str(made[0]["method"])
    about = info(catalogue, method)
    figures = [r for r in (*run.overviews, *made) if is_picture(r) and str(r["label"]) == label and is_drawn(r)]
    images = dict.fromkeys(_image(record) for record in made)
    lines = [(_line(record), record["status"]) for record in made]
    return Gallery(
        chapter_anchor(label),
        entitled(about, label, method),
        tuple((i, tuple(_plate(run, r, about, album) for r in figures if _image(r) == i)) for i in images),
        tuple(line for line, status in lines if status != "ok"),
        tuple(line for line, status in lines if status in ("ok", "partial")),
    )


def _image(record: Record) -> str | None:
    return None if record.get("of_model") else str(record["image"])


def _line(record: Record) -> Line:
    parts = [str(record["target"])] if record.get("target") is not None else []
    parts += [f"at {record['layer']}"] if record.get("layer") else []
    parts += [] if record.get("of_model") else [f"of {record['image']}"]
    reason = str(record.get("reason") or "no reason given")
    return Line(" ".join(parts) or "picture", record["status"], reason, words.measures(record.get("measures")))


def _plate(run: Run, record: Record, about: MethodInfo, album: Album) -> Plate:
    kind = KINDS.get(str(record.get("kind")))
    title = words.name_of({**record, "label": None}, about.title) + (f", {kind}" if kind else "")
    what = "pictures with what each reached" if kind else str(record.get("quantity") or "picture")
    picture = album.picture(str(record["files"]["figure"]), wide=bool(kind))
    parameters = words.parameters(record.get("parameters"))
    return Plate(anchor(run, record), title, f"{title}: {what}", picture, record, parameters, wide=bool(kind))
