"""A run on the terminal: progress bars where there is one, plain lines elsewhere."""

from __future__ import annotations

import signal
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from torchesegeta.execute import Event, Outcome, execute


def follow(config: Path) -> int:
    """Run a config and show how it goes; ending the program is as good as interrupting it.

    Returns:
        The exit status.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Bars(console) if console.is_terminal else Lines(console) as watch:
            outcome = execute(config, watch.show)
    finally:
        signal.signal(signal.SIGTERM, before)
    conclude(console, outcome)
    return outcome.exit_code


def conclude(console: Console, outcome: Outcome) -> None:
    """Say how a run ended, and what can be done."""
    if outcome.state == "finished":
        counts = ", ".join(f"{count} {status}" for status, count in outcome.counts.items())
        console.print(f"{counts or 'no maps'}; report: {outcome.report}", markup=False)
        return
    text = "interrupted" if outcome.state == "interrupted" else f"error: {outcome.text}"
    console.print(text, markup=False)
    if outcome.folder is not None:
        console.print(f"finished maps are in {outcome.folder}; the same command goes on from there", markup=False)


class Lines:
    """Plain lines, for logs and pipes: one per job, and the problems."""

    def __init__(self, console: Console) -> None:
        self.console, self.jobs, self.passes = console, 0, 0
        self._said: set[tuple[str | None, ...]] = set()

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, event: Event) -> None:
        """Show an event."""
        match event["kind"]:
            case "started":
                self.jobs, self.passes = event["jobs"], event["passes"]
                for warning in event["warnings"]:
                    self.say(f"warning: {warning}")
            case "job":
                self.job(event)
            case "progress":
                self.progress(event)
            case "map":
                self.map(event)
            case "note":
                self.say(event["text"])

    def say(self, text: str) -> None:
        """One line, however long."""
        self.console.print(" ".join(text.split()), markup=False)

    def job(self, event: Event) -> None:
        """A job begins."""
        self.say(f"[{event['number']}/{self.jobs}] {event['image']}: {', '.join(event['labels'])}")

    def progress(self, event: Event) -> None:
        """Points were done; said by bars only."""

    def map(self, event: Event) -> None:
        """A map is there, or is not and why: each reason is given once."""
        label = None if event["status"] == "incompatible" else event["label"]
        about = (event["status"], event["image"], label, event["reason"])
        if event["status"] != "ok" and about not in self._said:
            self._said.add(about)
            self.say(": ".join(part for part in about if part is not None))


class Bars(Lines):
    """A bar for the run and one for the present job, and the time that is left."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.whole = self.bars.add_task("preparing", total=None)
        self.present = self.bars.add_task("", visible=False, total=1)
        self._before, self._weight = 0, 0

    def __enter__(self) -> Bars:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def job(self, event: Event) -> None:
        """A job begins."""
        labels = event["labels"]
        shown = labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
        self._before, self._weight = self._before + self._weight, event["passes"]
        whole = f"sweep {event['number']} of {self.jobs}"
        self.bars.update(self.whole, description=whole, total=self.passes, completed=self._before)
        self.bars.reset(self.present, description=f"{event['image']}: {shown}", visible=True)

    def progress(self, event: Event) -> None:
        """Points were done."""
        share = event["done"] / event["total"]
        self.bars.update(self.present, completed=share)
        self.bars.update(self.whole, completed=self._before + share * self._weight)

    def map(self, event: Event) -> None:
        """A map is stored and drawn, which may take longer than the passes."""
        super().map(event)
        self.bars.update(self.present, description=f"{event['image']}: maps of {event['label']}")
