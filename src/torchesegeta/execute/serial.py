"""All jobs, one after the other, in one child process: what takes the child down costs its own maps only."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Literal

from torchesegeta.execute.events import Crash, Event, Listener
from torchesegeta.execute.worker import work

LAST_WORDS = 10.0
"""Seconds a worker that has finished gets to close its files."""

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

    Returns:
        How it ended; an interrupt by the user is an outcome too.
    """
    crashes: list[Crash] = []
    while True:
        child = _Child(config, crashes)
        try:
            child.start()
            outcome = child.follow(listen)
        except KeyboardInterrupt:
            outcome = Outcome("interrupted", "interrupted", folder=child.folder)
        finally:
            child.kill()
        if outcome is None and child.crash is not None and child.crash not in crashes:
            crashes.append(child.crash)
            listen({"kind": "note", "text": _crash_note(child)})
            continue
        outcome = outcome or Outcome("broken" if crashes else child.fate, child.death, folder=child.folder)
        if outcome.folder is not None and outcome.state != "finished":
            _mark_interrupted(outcome.folder)
        return outcome


def _crash_note(child: _Child) -> str:
    assert child.crash is not None
    image, labels = child.crash
    if len(labels) > 1:
        return f"{child.death}; its {len(labels)} methods are tried again apart"
    return f"{child.death}; going on without {next(iter(labels), 'the image')} for {image}"


class _Child:
    """One worker process, and what it has told so far.

    Attributes:
        folder: The run folder, once it is known.
        crash: What it was at, should it die now.
    """

    def __init__(self, config: Path, crashes: Sequence[Crash]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, self._theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(str(config), tuple(crashes), self._theirs), daemon=True)
        self.folder: Path | None = None
        self.crash: Crash | None = None

    def start(self) -> None:
        """Start it; an interrupt is for this process alone to hear."""
        resource_tracker.ensure_running()  # else it is started below, and lets interrupts through again
        with _interrupts_held():
            self._process.start()
        self._theirs.close()

    def follow(self, listen: Listener) -> Outcome | None:
        """Pass events on until the end; None where the process died without a word."""
        for event in self._events():
            match event["kind"]:
                case "started":
                    self.folder = Path(event["folder"])
                case "image":
                    self.crash = (event["image"], frozenset())
                case "job":
                    self.crash = (event["image"], frozenset(event["labels"]))
                case "refused":
                    return Outcome("refused", event["text"])
                case "broken":
                    return Outcome("broken", event["text"], folder=self.folder)
            listen(event)
            if event["kind"] == "finished":
                self._process.join(timeout=LAST_WORDS)
                return Outcome("finished", counts=event["counts"], folder=self.folder, report=Path(event["report"]))
        self._process.join()
        return None

    def _events(self) -> Iterator[Event]:
        """Its events, until it closes the connection or dies, perhaps in the middle of one."""
        with suppress(EOFError, OSError):
            while True:
                yield self._ours.recv()

    @property
    def fate(self) -> State:
        """What its death without a word means: before the run has started, that nothing ran."""
        return "refused" if self.folder is None else "broken"

    @property
    def death(self) -> str:
        """How it ended, in words."""
        code = self._process.exitcode or 0
        if code == -signal.SIGKILL:
            return "the worker process was killed, as when memory runs out"
        if code < 0:
            names = {one.value: one.name for one in signal.Signals}
            return f"the worker process died of {names.get(-code, f'signal {-code}')}"
        return f"the worker process ended by itself, with exit status {code}"

    def kill(self) -> None:
        """End it at once, whatever it is doing; what is half written keeps its temporary name."""
        with _interrupts_held():
            if self._process.pid is not None:
                self._process.kill()
                self._process.join()
            self._ours.close()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Interrupts wait until the end; a process that is started meanwhile never hears them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _mark_interrupted(folder: Path) -> None:
    """Say in `run.json` that the run was cut off; without torch, which would take seconds to import here."""
    path, part = folder / "run.json", folder / ".part-run.json"
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["state"] == "running":
            part.write_text(json.dumps({**content, "state": "interrupted"}, ensure_ascii=False, indent=2), "utf-8")
            os.replace(part, path)
