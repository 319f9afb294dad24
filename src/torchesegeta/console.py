"""A run on the terminal: a progress bar where there is one, plain lines elsewhere."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from torchesegeta.execute import Event, Outcome, execute


def follow(config: Path) -> int:
    """Run a config and show how it goes.

    Returns:
        The exit status.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    watch = _Bars(console) if console.is_terminal else _Lines(console)
    with watch:
        outcome = execute(config, watch.show)
    _conclude(console, outcome)
    return outcome.exit_code


def _conclude(console: Console, outcome: Outcome) -> None:
    if outcome.state == "finished":
        counts = ", ".join(f"{n} {status}" for status, n in outcome.counts.items())
        console.print(f"{counts or 'no maps'}; report: {outcome.report}", markup=False)
    else:
        console.print(f"error: {outcome.text}" if outcome.state != "interrupted" else outcome.text, markup=False)


class _Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self.console, self.jobs = console, 0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, event: Event) -> None:
        """Show an event."""
        if event["kind"] == "started":
            self.jobs = event["jobs"]
            for warning in event["warnings"]:
                self.say(f"warning: {warning}")
        elif event["kind"] == "job":
            self.job(event)
        elif event["kind"] == "progress":
            self.progress(event)
        elif event["kind"] == "map" and event["status"] != "ok":
            where = " ".join(str(p) for p in (event["image"], event["label"], event["layer"], event["target"]) if p)
            self.say(f"{event['status']}: {where}: {event['reason']}")
        elif event["kind"] == "note":
            self.say(event["text"])

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False)

    def job(self, event: Event) -> None:
        """A job begins."""
        self.say(f"[{event['number']}/{self.jobs}] {event['image']}: {', '.join(event['labels'])}")

    def progress(self, event: Event) -> None:
        """Points were done; said by bars only."""


class _Bars(_Lines):
    """A bar for the jobs and one for the passes of the present job."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.whole = self.bars.add_task("preparing", total=None)
        self.present = self.bars.add_task("", visible=False, total=1)

    def __enter__(self) -> _Bars:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def job(self, event: Event) -> None:
        """A job begins."""
        labels = event["labels"]
        shown = labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
        self.bars.update(self.whole, description="sweeps", total=self.jobs, completed=event["number"] - 1)
        self.bars.reset(self.present, description=f"{event['image']}: {shown}", total=event["total"], visible=True)

    def progress(self, event: Event) -> None:
        """Points were done."""
        self.bars.update(self.present, completed=event["done"], total=event["total"])
