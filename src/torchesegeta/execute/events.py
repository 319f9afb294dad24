"""What a worker tells whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypedDict

Kind = Literal["started", "job", "progress", "map", "note", "refused", "broken", "finished"]


class Event(TypedDict, total=False):
    """A message of a worker; `kind` is always there.

    `started`: folder, jobs, maps and points in all, warnings. `job`: image, labels, number, points. `progress`: done,
    total. `map`: label, layer, target, image, status, reason. `note`: text. `refused`: text, the config is wrong.
    `broken`: text, the run cannot go on. `finished`: counts, report.
    """

    kind: Kind
    folder: str
    jobs: int
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
    details: dict[str, Any]


Listener = Callable[[Event], None]
"""Gets every event, in order."""

Crash = tuple[str, frozenset[str]]
"""Image and labels of a job whose worker process died."""
