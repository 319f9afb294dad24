"""A run on the terminal: a table that changes where there is one, plain lines elsewhere."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from torchesegeta.again import config_to_evaluate, folders_to_evaluate, missing_shards
from torchesegeta.execute import Event, Outcome, execute
from torchesegeta.execute.log import Level
from torchesegeta.ledger import read_run


def follow(config: Path, *, quiet: bool = False, level: Level = "info", shard: str | None = None) -> int:
    """Run a config and show how it goes; ending the program is as good as interrupting it.

    Args:
        config: The config file.
        quiet: Say only what goes wrong.
        level: The least that goes to the run's log.
        shard: Which part of the images is run, as '3/16'; None: what the config says.

    Returns:
        The exit status.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    watcher = Problems if quiet else Bars if console.is_terminal else Lines
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with watcher(console) as watch:
            outcome = execute(config, watch.show, level=level, shard=shard)
    finally:
        signal.signal(signal.SIGTERM, before)
    if not quiet or outcome.exit_code:
        conclude(console, outcome)
    return outcome.exit_code


def evaluate(
    folder: Path, metrics: Sequence[str] = (), *, verdict: bool = False, quiet: bool = False, level: Level = "info"
) -> int:
    """Judge the maps of a run, or of all the shards in a folder, one after the other, and show how it goes.

    What shards have found is put together in the folder that holds them: tables, verdicts and a report.

    Args:
        folder: The run folder, or that of the shards.
        metrics: As of `config_to_evaluate`.
        verdict: As of `config_to_evaluate`.
        quiet: Say only what goes wrong.
        level: The least that goes to the run's log.

    Returns:
        The exit status, of shards the worst; the first that does not get to its end is the last.

    Raises:
        StoreError: It is no run folder, or nothing can be written.
    """
    statuses, parts = [], folders_to_evaluate(folder)
    for part in parts:
        with config_to_evaluate(part, metrics, verdict=verdict) as config:
            statuses.append(follow(config, quiet=quiet, level=level))
        if statuses[-1] > 1 or read_run(part).get("state") != "finished":
            return max(statuses)
    if parts != [folder]:
        from torchesegeta.report import write_report

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for text in missing_shards(folder):
            console.print(f"warning: {text}", markup=False)
        report = write_report(folder)
        if not quiet:
            console.print(f"{len(parts)} shards; report: {report}", markup=False)
    return max(statuses)


def conclude(console: Console, outcome: Outcome) -> None:
    """Say how a run ended, and what can be done."""
    if outcome.state == "finished":
        counts, scores = (_counted(some) for some in (outcome.counts, outcome.scores))
        about = f"{counts or 'no maps'}{f'; scores: {scores}' if scores else ''}; report: {outcome.report}"
        console.print(about, markup=False)
        return
    text = "interrupted" if outcome.state == "interrupted" else f"error: {outcome.text}"
    console.print(text, markup=False)
    if outcome.folder is not None:
        console.print(f"finished maps are in {outcome.folder}; the same command goes on from there", markup=False)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items())


class Problems:
    """Only what goes wrong, a line each."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._said: set[tuple[str | None, ...]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, event: Event) -> None:
        """Show an event."""
        if event["kind"] in ("map", "score"):
            self.map(event)
        elif event["kind"] == "note":
            self.say(event["text"])

    def say(self, text: str) -> None:
        """One line, however long."""
        self.console.print(" ".join(text.split()), markup=False)

    def map(self, event: Event) -> None:
        """A map or score is not there, and why: each reason is given once."""
        label = None if event["status"] == "incompatible" else event["label"]
        if event["kind"] == "score":
            label = event["metric"] if label is None else f"{event['metric']} of {label}"
        about = (event["status"], event["image"], label, event["reason"])
        if event["status"] != "ok" and about not in self._said:
            self._said.add(about)
            self.say(": ".join(part for part in about if part is not None))


class Lines(Problems):
    """Plain lines, for logs and pipes: one per job, and the problems."""

    def show(self, event: Event) -> None:
        """Show an event."""
        if event["kind"] == "started":
            for warning in event["warnings"]:
                self.say(f"warning: {warning}")
        elif event["kind"] == "job":
            self.say(f"[{event['number']}/{event['jobs']}] {event['image']}: {', '.join(event['labels'])}")
        super().show(event)


class Bars(Problems):
    """A table that changes: a line for the run, and one for each worker with its job and device."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.table = Progress(
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[device]}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            _Speed(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.whole = self.table.add_task("preparing", total=None, device="")
        self.workers: list[TaskID] = []
        self._over = 0.0

    def __enter__(self) -> Self:
        self.table.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.table.stop()

    def show(self, event: Event) -> None:
        """Show an event."""
        match event["kind"]:
            case "started":
                self._start(event)
            case "image":
                self.table.update(self.workers[event["worker"]], description=f"{event['image']}: reading", visible=True)
            case "job":
                self._job(event)
            case "progress":
                self._progress(event)
            case "done":
                self._done(event)
        super().show(event)

    def _start(self, event: Event) -> None:
        for warning in event["warnings"]:
            self.say(f"warning: {warning}")
        self.table.update(self.whole, total=event["passes"])
        for device in event["devices"]:
            self.workers.append(self.table.add_task("", device=device, visible=False, total=None))

    def _job(self, event: Event) -> None:
        labels = event["labels"]
        shown = labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
        self.table.update(self.whole, description=f"job {event['number']} of {event['jobs']}")
        about = f"{event['image']}: {shown}"
        self.table.reset(self.workers[event["worker"]], description=about, visible=True, total=event["passes"])

    def _progress(self, event: Event) -> None:
        worker = self.workers[event["worker"]]
        self.table.update(worker, completed=event["done"] / event["total"] * (self._task(worker).total or 0))
        self._sum()

    def _done(self, event: Event) -> None:
        """A job is over, which was perhaps planned longer than it took."""
        worker = self.workers[event["worker"]]
        self._over += self._task(worker).total or 0
        self.table.reset(worker, description="", visible=False, total=None)
        self._sum()

    def _sum(self) -> None:
        self.table.update(self.whole, completed=self._over + sum(self._task(w).completed for w in self.workers))

    def _task(self, number: TaskID) -> Task:
        return next(task for task in self.table.tasks if task.id == number)

    def map(self, event: Event) -> None:
        """A map is stored and drawn, which may take longer than the passes."""
        super().map(event)
        if "worker" in event:
            what = "maps" if event["kind"] == "map" else "scores"
            about = f"{event['image']}: {what} of {event['label']}"
            self.table.update(self.workers[event["worker"]], description=about)


class _Speed(ProgressColumn):
    """Passes per second."""

    def render(self, task: Task) -> Text:
        """The figure, once there is one."""
        return Text(f"{task.speed:.3g} passes/s" if task.speed else "")
