"""`run.json` of a run under way."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from torchesegeta.errors import StoreError
from torchesegeta.execute.tickets import Blueprint
from torchesegeta.ledger import RUN, Ledger, read_run, write_json

OFTEN = 1.0
"""Seconds between two writings that tell of nothing but further maps; at least."""
SELDOM = 50
"""The same, in times that a writing takes: of thousands of images it takes a while."""


class RunFile:
    """Says what the run is, how far it is, and what its images are."""

    def __init__(self, ledger: Ledger, blueprint: Blueprint) -> None:
        self.ledger, self.blueprint = ledger, blueprint
        self.begun = time.perf_counter()
        self.before = read_run(ledger.folder) if (ledger.folder / RUN).is_file() else {}
        self.due = 0.0

    def write(self, state: str) -> None:
        """Write it.

        Args:
            state: `running` or `finished`.

        Raises:
            StoreError: It cannot be written.
        """
        start, images = time.perf_counter(), self.ledger.images
        now = datetime.now(UTC).isoformat(timespec="seconds")
        seconds = self.before.get("seconds", 0) + time.perf_counter() - self.begun
        self.ledger.write_run(
            {
                "state": state,
                "identity": self.blueprint.identity,
                **self.blueprint.about,
                "started": self.before.get("started", now),
                "finished": now if state == "finished" else None,
                "seconds": round(seconds, 2),
                "counts": self.ledger.counts(),
                "scores": self.ledger.counts("score"),
                "images": [images[name] for name in self.blueprint.images if name in images],
            }
        )
        end = time.perf_counter()
        self.due = end + max(OFTEN, SELDOM * (end - start))

    def write_now_and_then(self) -> None:
        """Write it, unless that was done a moment ago."""
        if time.perf_counter() > self.due:
            self.write("running")


def mark_interrupted(folder: Path) -> None:
    """Say in `run.json` that the run was cut off, if that can be written."""
    with suppress(StoreError):
        content = read_run(folder)
        if content.get("state") == "running":
            write_json(folder / RUN, {**content, "state": "interrupted"})
