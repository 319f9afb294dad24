"""What the server answers, as JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

Row = dict[str, Any]
RunStatus = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


class Device(BaseModel):
    """A device that runs can use."""

    name: str
    title: str


class Session(BaseModel):
    """What the page must know first."""

    version: str
    devices: list[Device]
    precisions: list[str]
    max_upload_bytes: int


class ImageRef(BaseModel):
    """A file that the server can read; `ref` is its name in configs, `label` that of an example's label."""

    ref: str
    name: str
    folder: str | None = None
    bytes: int
    shape: list[int] | None = None
    spatial_dims: int | None = None
    label: str | None = None


class Listing(BaseModel):
    """A served folder."""

    folders: list[str]
    images: list[ImageRef]


class ModelInfo(BaseModel):
    """A model of the catalogue."""

    id: str
    name: str
    summary: str
    task: Literal["segmentation", "classification"] | None
    spatial_dims: int
    classes: list[str]
    accepts_checkpoint: bool
    format: str
    channels: int
    examples: list[ImageRef]
    target: Row | None
    layers: list[str]
    unavailable: str | None


class LayerRow(BaseModel):
    """A layer, as `esegeta layers` lists it."""

    name: str
    kind: str
    shapes: list[list[int]]
    calls: int
    parameters: int


class Preset(BaseModel):
    """A choice of methods."""

    name: str
    title: str
    summary: str
    methods: list[str | Row]


class Validation(BaseModel):
    """What is wrong with a config, by the path of the field; and the methods that the model makes impossible."""

    fields: dict[str, str]
    methods: dict[str, str]


class Exported(BaseModel):
    """A config for the command line, the command, and the same in Python."""

    config: Row
    command: str
    python: str


class Imported(BaseModel):
    """A config of the command line as one of the web interface, and what could not be taken over."""

    config: Row
    problems: list[str]


class RunState(BaseModel):
    """Where a run stands."""

    id: str
    name: str
    status: RunStatus
    place: int | None = None
    created: str | None = None
    started: str | None = None
    finished: str | None = None
    model: str = ""
    counts: dict[str, int] = {}
    total: int | None = None
    error: str | None = None


class RunRow(RunState):
    """A run in the list."""

    images: list[str] = []


class RunImage(BaseModel):
    """An image of a run, with the addresses of its volumes."""

    name: str
    spatial_dims: int
    volume: str | None
    label: str | None
    prediction: str | None


class RunDetail(RunState):
    """A run."""

    images: list[RunImage]
    config: Row | None
    classes: list[str]
    notes: list[str]
    warnings: list[str]
    resumable: bool


class Answer(BaseModel):
    """What a method's verdict says to one of its questions."""

    name: str
    question: str
    figure: str
    rule: str
    word: str
    value: float | None
    low: float | None
    high: float | None
    images: int
    rank: int | None
    sure: bool | None


class View(BaseModel):
    """A picture of a map as it lies on the page, row by row from the top: values are float32 in base 64."""

    name: str
    width: int
    height: int
    spacing: tuple[float, float]
    marks: list[str]
    values: str


class CascadeStep(BaseModel):
    """A map at a step of a cascade, with the names of all steps and how alike their maps are to the original."""

    steps: list[str]
    similarity: list[float | None]
    views: list[View]


class MapRow(BaseModel):
    """A map of a run, as its manifest tells it."""

    id: str
    method: str
    title: str
    label: str
    target: str | None
    target_index: int | None
    layer: str | None
    image: str
    status: str
    reason: str | None
    seconds: float | None
    passes: dict[str, int]
    warnings: list[str]
    measures: dict[str, float | None]
    metrics: dict[str, float | None]
    verdict: list[Answer]
    cascades: list[str]
    quantity: str
    signed: bool
    shows: str
    space: str
    parameters: Row
    volume: str | None
    figure: str | None
    file: str | None


class Value(BaseModel):
    """A map's value at a voxel of its file, and where that lies."""

    value: float
    position_mm: list[float] | None


class Pair(BaseModel):
    """The same map of two runs; one of them may be missing."""

    key: str
    title: str
    a: MapRow | None
    b: MapRow | None


class Comparison(BaseModel):
    """Two runs, map by map."""

    pairs: list[Pair]
