"""Keeps what a run makes: the manifest and `run.json`, whose one writer it is, the log, and whoever follows the run."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from torchesegeta.errors import ConfigError
from torchesegeta.execute.events import Event, Listener
from torchesegeta.execute.log import Level, logging_to
from torchesegeta.execute.runfile import RunFile
from torchesegeta.execute.tickets import Blueprint, Ticket
from torchesegeta.ledger import (
    LOG,
    RESULTS,
    SCORES,
    Ledger,
    Record,
    is_changed,
    read_manifest,
    task_of,
)
from torchesegeta.verdict import Thresholds, write_scores

log = logging.getLogger(__name__)


class Keeper:
    """The records of a run under way.

    Args:
        blueprint: The run.
        listen: Gets every event.
        level: The least that is logged.

    Raises:
        ConfigError: An image has changed since its maps were made.
        StoreError: The folder cannot be written, or another process is writing to it.
    """

    def __init__(self, blueprint: Blueprint, listen: Listener, level: Level) -> None:
        self.blueprint, self.listen = blueprint, listen
        self._open = ExitStack()
        self.ledger = self._open.enter_context(Ledger.open(blueprint.folder))
        with ExitStack() as stack:
            stack.callback(self.close)
            _check_images(self.ledger, blueprint)
            stack.pop_all()
        self._open.enter_context(logging_to(blueprint.folder / LOG, level, __name__))
        self.run = RunFile(self.ledger, blueprint)

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.ledger.folder

    @property
    def finished(self) -> set[tuple[str, str]]:
        """(image, label) of what is done."""
        return self.ledger.finished

    def close(self) -> None:
        """Let others write to the folder."""
        self._open.close()

    def stop(self, why: str) -> None:
        """The run cannot go on."""
        log.error("the run stopped: %s", why)

    def left(self) -> list[Ticket]:
        """The jobs that are left."""
        done: defaultdict[str, set[str]] = defaultdict(set)
        for image, label in self.ledger.finished - self._outdated():
            done[image].add(label)
        return [left for one in self.blueprint.tickets if (left := one.without(done[one.image])) is not None]

    def _outdated(self) -> set[tuple[str, str]]:
        """Tasks whose scores were made with other parameters of the metric."""
        blanks = self.blueprint.blanks
        now = {label: records[0]["parameters"] for label, records in blanks.items() if SCORES in label}
        before = {task_of(record): record["parameters"] for record in self.ledger.scores()}
        return {task for task, parameters in before.items() if now.get(task[1], parameters) != parameters}

    def start(self, left: Sequence[Ticket]) -> None:
        """The run begins.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.run.write("running")
        log.info("run with %s", ", ".join(f"{name} {v}" for name, v in self.blueprint.about["versions"].items()))
        for text in self.blueprint.warnings:
            log.warning("%s", text)
        self.listen(
            {
                "kind": "started",
                "folder": str(self.folder),
                "jobs": len(left),
                "passes": sum(ticket.passes for ticket in left),
                "warnings": self.blueprint.warnings,
                "devices": self.blueprint.devices,
            }
        )

    def describe(self, image: Record) -> None:
        """An image is before the model.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.ledger.describe(image)

    def now_and_then(self) -> None:
        """A job is over.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.run.write_now_and_then()

    def finish(self) -> None:
        """All jobs are over; no worker writes any more.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.ledger.tidy()
        thresholds = Thresholds.of_run(self.blueprint.about)
        write_scores(self.folder, self.ledger.scores(), read_manifest(self.folder), thresholds)
        self.run.write("finished")

    def counts(self, kind: str = "map") -> dict[str, int]:
        """Number of maps, or of scores, by status."""
        return self.ledger.counts(kind)

    def maps(self, ticket: Ticket) -> list[Record]:
        """The lines of the maps that a ticket judges or compares."""
        if ticket.kind == "agreement":
            methods = [label for label in self.blueprint.blanks if SCORES not in label]
        else:
            methods = sorted({label.rpartition(SCORES)[2] for label in ticket.labels})
        lines = [line for label in methods for line in self.ledger.lines_of(ticket.image, label)]
        return [line for line in lines if line["record"] == "map"]

    def close_task(self, image: str, label: str, records: Sequence[Record]) -> None:
        """All maps and figures of a task are there.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.ledger.close_task(image, str(self.blueprint.blanks[label][0]["method"]), label, records)

    def give_up(self, tickets: Iterable[Ticket], status: str, reason: str) -> None:
        """Record that jobs have no maps.

        Raises:
            StoreError: The folder cannot be written.
        """
        for ticket in tickets:
            about = {"image": ticket.image, "status": status, "reason": reason, "retries": ticket.retries}
            for label in ticket.labels:
                records = [{**blank, **about} for blank in self.blueprint.blanks[label]]
                self.close_task(ticket.image, label, records)
                for record in records:
                    self.tell_of(record)
                log.warning("%s: %s", status, reason, extra={"image": ticket.image, "method": label})

    def tell_of(self, record: Record, worker: int | None = None) -> None:
        """A map or score is there, or there is none and why; figures are not told of."""
        kind = record["record"]
        if kind not in RESULTS:
            return
        keys = ("image", "label", "layer", "target", "status", "reason", *(("metric",) if kind == "score" else ()))
        event: Event = {"kind": kind, **{k: record[k] for k in keys}}  # type: ignore[typeddict-item]
        if worker is not None:
            event["worker"] = worker
        self.listen(event)

    def note(self, text: str, image: str = "-", labels: Sequence[str] = ("-",)) -> None:
        """Something went wrong that a user should know, perhaps with some methods of an image."""
        log.warning("%s", text, extra={"image": image, "method": ", ".join(labels)})
        self.listen({"kind": "note", "text": text})


def _check_images(ledger: Ledger, blueprint: Blueprint) -> None:
    """Refuse to go on where a file of an image is not the one that maps were made of.

    Raises:
        ConfigError: One is not.
    """
    for name, files in blueprint.images.items():
        stamps = ledger.images.get(name, {}).get("stamps", {})
        for field, path in files.items():
            with suppress(OSError):  # one that cannot be read costs its own maps
                if field in stamps and is_changed(path, stamps[field]):
                    raise ConfigError(
                        f"output: {str(ledger.folder)!r} holds a run that differs in the file of {field}; "
                        "choose another folder"
                    )
