"""What workers tell the coordinator, what it tells whoever follows the run, and what it asks of workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

from torchesegeta.execute.tickets import Blueprint, Ticket
from torchesegeta.ledger import Record

Kind = Literal["started", "image", "job", "progress", "map", "score", "done", "note", "finished"]


class Event(TypedDict, total=False):
    """What happens in a run, for whoever follows it; `kind` is always there.

    | kind | with |
    | --- | --- |
    | `started` | folder, jobs and passes that are left, warnings, devices: one per worker; nothing has run before it |
    | `image` | worker, image: its reading begins |
    | `job` | worker, image, labels, number, jobs: how many there are by now, passes |
    | `progress` | worker, done, total: points of the worker's job |
    | `map` | worker, label, layer, target, image, status, reason; without a worker where none made it |
    | `score` | the same of a map that is judged, with metric |
    | `done` | worker: its job is over |
    | `note` | text |
    | `finished` | counts of maps by status, scores: counts of scores, report |
    """

    kind: Kind
    folder: str
    jobs: int
    passes: int
    devices: list[str]
    worker: int
    number: int
    image: str
    labels: list[str]
    done: int
    total: int
    label: str
    layer: str | None
    target: str | None
    status: str
    reason: str | None
    text: str
    warnings: list[str]
    counts: dict[str, int]
    scores: dict[str, int]
    metric: str
    report: str


Listener: TypeAlias = Callable[[Event], None]
"""Gets every event, in order."""


class Message(TypedDict, total=False):
    """What a worker tells the coordinator; `kind` is always there.

    | kind | with |
    | --- | --- |
    | `planned` | blueprint: the worker is ready; nothing has been written before it |
    | `image` | advice: it reads the image of its job |
    | `prepared` | record: the image as `run.json` describes it; the target is bound |
    | `unusable` | status, text: the image cannot be read, or the model cannot run it; the job is over |
    | `sweep` | advice: its sweep begins; what to try should memory run out in a way that kills it |
    | `progress` | done, total: points |
    | `record` | record: a map or a figure is stored, or a score is there |
    | `task` | label: all of a task's records were told |
    | `done` | the job is over |
    | `reported` | text: where the report is |
    | `refused` | text: the config is wrong |
    | `broken` | text: the run cannot go on |
    """

    kind: Literal[
        "planned", "image", "prepared", "unusable", "sweep", "progress", "record", "task", "done",
        "reported", "refused", "broken",
    ]  # fmt: skip
    blueprint: Blueprint
    record: Record
    label: str
    done: int
    total: int
    status: str
    text: str
    advice: str


@dataclass(frozen=True)
class RunJob:
    """Run a job.

    Attributes:
        ticket: Which.
        within: Seconds it may take; None: any time.
        maps: The manifest's lines of the maps that are judged, where the job makes scores.
    """

    ticket: Ticket
    within: float | None
    maps: tuple[Record, ...] = ()


@dataclass(frozen=True)
class WriteReport:
    """Write the report of the run folder, which is complete."""


Command: TypeAlias = RunJob | WriteReport
