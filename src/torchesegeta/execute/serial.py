"""All jobs, one after the other, in one child process: what takes the child down costs its own maps only."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from torchesegeta.execute.events import Crash, Event, Listener
from torchesegeta.execute.worker import work

State = Literal["finished", "refused", "broken", "interrupted"]


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        state: `finished`; `refused`, the config is wrong and nothing ran; `broken`, it could not go on;
            `interrupted` by the user.
        text: Why, unless it finished.
        counts: Maps by status.
        folder: The run folder, once known.
        report: The report.
    """

    state: State
    text: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    folder: Path | None = None
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 all is there; 1 something failed, the rest is there; 2 the config is wrong and nothing ran."""
        if self.state == "refused":
            return 2
        failed = self.counts.get("failed", 0) + self.counts.get("timeout", 0)
        return 1 if self.state != "finished" or failed else 0


def execute(config: Path, listen: Listener) -> Outcome:
    """Run a config to its end.

    A job whose worker process dies is tried again in halves, until the guilty method is alone; its maps are `failed`.

    Args:
        config: The config file.
        listen: Gets every event.
    """
    crashes: list[Crash] = []
    while True:
        child = _Child(config, crashes)
        try:
            outcome = child.follow(listen)
        except KeyboardInterrupt:
            child.kill()
            _mark_interrupted(child.folder)
            return Outcome("interrupted", "interrupted; the same command resumes the run", folder=child.folder)
        if outcome is not None:
            return outcome
        if child.job is None or child.job in crashes:
            return Outcome("broken", f"the worker process died ({child.death})", folder=child.folder)
        crashes.append(child.job)
        listen({"kind": "note", "text": f"the worker process died ({child.death}); its methods are tried again apart"})


class _Child:
    """One worker process, and what it has told so far."""

    def __init__(self, config: Path, crashes: Sequence[Crash]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(str(config), tuple(crashes), theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.job: Crash | None = None
        self.folder: Path | None = None

    def follow(self, listen: Listener) -> Outcome | None:
        """Pass events on until the end; None where the process died without a word."""
        for event in _events(self._ours):
            if event["kind"] == "started":
                self.folder = Path(event["folder"])
            if event["kind"] == "job":
                self.job = (event["image"], frozenset(event["labels"]))
            if event["kind"] == "refused":
                return Outcome("refused", event["text"])
            if event["kind"] == "broken":
                return Outcome("broken", event["text"], folder=self.folder)
            listen(event)
            if event["kind"] == "finished":
                self._process.join()
                report = Path(event["report"]) if event.get("report") else None
                return Outcome("finished", counts=event["counts"], folder=self.folder, report=report)
        self._process.join()
        return None

    @property
    def death(self) -> str:
        """How the process ended, in words."""
        code = self._process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            return f"{name}, as when memory runs out" if name == "SIGKILL" else name
        return f"exit status {code}"

    def kill(self) -> None:
        """End the process at once; what is half written keeps its temporary name."""
        self._process.kill()
        self._process.join()


def _events(connection: Connection) -> Iterator[Event]:
    """The events of a worker, until it closes the connection or dies."""
    with suppress(EOFError, ConnectionResetError):
        while True:
            yield connection.recv()


def _mark_interrupted(folder: Path | None) -> None:
    """Say in `run.json` that the run was cut off."""
    if folder is None or not (folder / "run.json").is_file():
        return
    from torchesegeta.store import RUN, read_run, write_json

    write_json(folder / RUN, {**read_run(folder), "state": "interrupted"})
