"""`run.json` of a run under way."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from torchesegeta.execute.tickets import Blueprint
from torchesegeta.ledger import RUN, Ledger, Record, read_run

OFTEN = 1.0
"""Seconds between two writings that tell of nothing but further maps."""


class RunFile:
    """Says what the run is, how far it is, and what its images are.

    Attributes:
        images: What is known of them, by name.
    """

    def __init__(self, ledger: Ledger, blueprint: Blueprint) -> None:
        self.ledger, self.blueprint = ledger, blueprint
        self.begun = time.perf_counter()
        self.before = read_run(ledger.folder) if (ledger.folder / RUN).is_file() else {}
        self.images: dict[str, Record] = {image["name"]: image for image in self.before.get("images", [])}
        self.written = 0.0

    def write(self, state: str) -> None:
        """Write it.

        Args:
            state: `running` or `finished`.

        Raises:
            StoreError: It cannot be written.
        """
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
                "images": [self.images[name] for name in self.blueprint.images if name in self.images],
            }
        )
        self.written = time.perf_counter()

    def write_now_and_then(self) -> None:
        """Write it, unless that was done a moment ago."""
        if time.perf_counter() - self.written > OFTEN:
            self.write("running")


def mark_interrupted(folder: Path) -> None:
    """Say in `run.json` that the run was cut off."""
    path, part = folder / RUN, folder / f".part-{RUN}"
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["state"] == "running":
            part.write_text(json.dumps({**content, "state": "interrupted"}, ensure_ascii=False, indent=2), "utf-8")
            os.replace(part, path)
