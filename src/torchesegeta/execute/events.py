"""What a worker tells whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, TypedDict

Kind = Literal["started", "image", "job", "progress", "map", "note", "refused", "broken", "finished"]


class Event(TypedDict, total=False):
    """A message of a worker; `kind` is always there.

    | kind | with |
    | --- | --- |
    | `started` | folder, jobs and passes that are left, warnings; before it nothing has run |
    | `image` | image: its reading begins |
    | `job` | image, labels, number, passes |
    | `progress` | done, total: points of the present job |
    | `map` | label, layer, target, image, status, reason |
    | `note` | text |
    | `refused` | text: the config is wrong |
    | `broken` | text: the run cannot go on |
    | `finished` | counts, report |
    """

    kind: Kind
    folder: str
    jobs: int
    passes: int
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
    report: str


Listener: TypeAlias = Callable[[Event], None]
"""Gets every event, in order."""

Crash: TypeAlias = tuple[str, frozenset[str]]
"""Image and labels of a job whose worker process died; no labels where it died before the image's first job."""
