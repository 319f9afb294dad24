"""Where a run stands, from its events."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from torchesegeta.web.answers import RunStatus

WARM_UP = 1.0
"""Seconds before a time left is told."""


class Progress:
    """A run under way.

    Args:
        status: Where it stands at first.
        counts: Maps that are there already, by status.
    """

    def __init__(self, status: RunStatus = "running", counts: Mapping[str, int] | None = None) -> None:
        self.status = status
        self.jobs: int | None = None
        self.job: int | None = None
        self.counts: Counter[str] = Counter(counts or {})
        self.workers: dict[int, dict[str, Any]] = {}
        self.notes: list[str] = []
        self._passes = self._over = 0.0
        self._begun: float | None = None

    def take(self, event: dict[str, Any]) -> None:
        """Take in an event, as of `execute`."""
        kind = event["kind"]
        if kind == "started":
            self.jobs, self._passes, self._begun = event["jobs"], event["passes"], time.monotonic()
        elif kind == "image":
            self._worker(event).update(image=event["image"], labels=[], done=0, total=0, passes=0)
        elif kind == "job":
            self.job, self.jobs = event["number"], event["jobs"]
            about = {"image": event["image"], "labels": event["labels"], "passes": event["passes"]}
            self._worker(event).update(about, done=0, total=0)
        elif kind == "progress":
            self._worker(event).update(done=event["done"], total=event["total"])
        elif kind == "map":
            self.counts[event["status"]] += 1
        elif kind == "done":
            self._over += self.workers.pop(event["worker"], {}).get("passes", 0)
        elif kind == "note":
            self.notes.append(event["text"])
        elif kind == "finished":
            self.counts = Counter(event["counts"])

    def _worker(self, event: dict[str, Any]) -> dict[str, Any]:
        blank = {"worker": event["worker"], "image": "", "labels": [], "done": 0, "total": 0, "passes": 0}
        return self.workers.setdefault(event["worker"], blank)

    def state(self) -> dict[str, Any]:
        """Where it stands, for the page."""
        shown = ("worker", "image", "labels", "done", "total")
        return {
            "status": self.status,
            "jobs": self.jobs,
            "job": self.job,
            "workers": [{key: worker[key] for key in shown} for worker in self.workers.values()],
            "counts": dict(self.counts),
            "notes": self.notes[-5:],
            "seconds_left": self._left(),
        }

    def _left(self) -> float | None:
        """Seconds, by the passes that are left."""
        if self._begun is None:
            return None
        done: float = self._over + sum(
            w["passes"] * w["done"] / w["total"] for w in self.workers.values() if w["total"]
        )
        elapsed = time.monotonic() - self._begun
        if done <= 0 or elapsed < WARM_UP:
            return None
        return round(max(0.0, self._passes - done) * elapsed / done, 1)
