"""Runs one after the other, each in a process of its own; tells whoever follows them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchesegeta.ledger import FINAL
from torchesegeta.web.answers import RunStatus
from torchesegeta.web.book import Book, Entry, now
from torchesegeta.web.configs import Config, to_json
from torchesegeta.web.progress import Progress
from torchesegeta.web.settings import Settings

log = logging.getLogger(__name__)

GRACE = 15.0
"""Seconds a run that was cancelled may take to end by itself."""
LONGEST_LINE = 2**20
WAITING = 500
"""Events that wait for a page; one that is slower misses some, and is told the state anyway."""

ENDS: dict[str, RunStatus] = {"finished": "done", "refused": "failed", "broken": "failed", "interrupted": "interrupted"}
"""How a run stands after each outcome."""

Event = dict[str, Any]


@dataclass
class Live:
    """A run under way.

    Attributes:
        entry: Which.
        process: Its process.
        progress: Where it stands, with the maps of earlier times.
        cancelled: Whether a user ended it.
        outcome: How it ended, as it said itself.
    """

    entry: Entry
    process: Process
    progress: Progress
    cancelled: bool = False
    outcome: Event = field(default_factory=dict)


class Queue:
    """The queue.

    Args:
        settings: The server's.
        book: The list of runs.
        counts: Tells how many maps of each status a run folder has.
    """

    def __init__(self, settings: Settings, book: Book, counts: Callable[[Path], dict[str, int]]) -> None:
        self.settings, self.book, self.counts = settings, book, counts
        self.live: Live | None = None
        self.closing = False
        self._news = asyncio.Event()
        self._followers: defaultdict[str, set[asyncio.Queue[Event]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what waits; what a server before this one left goes on."""
        self.book.put_back()
        self._task = asyncio.get_running_loop().create_task(self._go())

    async def stop(self) -> None:
        """End the run under way; it waits for the next server."""
        self.closing = True
        if self.live is not None:
            await self._end(self.live)
        if self._task is not None:
            self._news.set()
            await self._task

    def add(self, folder: str, config: Config, command_line: Config) -> Entry:
        """Put a run at the end.

        Args:
            folder: Its folder's name.
            config: The browser's.
            command_line: The same for the command line.

        Raises:
            StoreError: There is a run of this folder.
        """
        self.config_file(folder).write_text(to_json(command_line), encoding="utf-8")
        images = [str(image.get("name") or Path(image["path"][0]).name) for image in command_line["images"]]
        entry = self.book.add(folder, config, str(config["model"]["catalogue"]), images)
        self._news.set()
        return entry

    def resume(self, folder: str) -> None:
        """Let a run that was cut off go on."""
        self.book.update(folder, status="queued", error=None, finished=None)
        self._tell(folder, {"kind": "queued"})
        self._news.set()

    async def cancel(self, folder: str) -> None:
        """End a run, or take it from the queue; what it has made stays."""
        if self.live is not None and self.live.entry.folder == folder:
            self.live.cancelled = True
            await self._end(self.live)
        else:
            entry = self.book.find(folder)
            if entry is not None and entry.status == "queued":
                self.book.update(folder, status="cancelled", finished=now())
                self._tell(folder, {"kind": "end"})

    def config_file(self, folder: str) -> Path:
        """Where the config of a run is kept."""
        return self.settings.state / "configs" / f"{folder}.json"

    def place(self, folder: str) -> int | None:
        """The place of a run in the queue, from 1."""
        waiting = [entry.folder for entry in self.book.queue()]
        return waiting.index(folder) + 1 if folder in waiting else None

    def state(self, folder: str) -> Event:
        """Where a run of the book stands."""
        if self.live is not None and self.live.entry.folder == folder:
            return self.live.progress.state()
        entry = self.book.find(folder)
        progress = Progress(entry.status if entry is not None else "done", self.counts(self.settings.runs / folder))
        return {**progress.state(), "place": self.place(folder)}

    def follow(self, folder: str) -> asyncio.Queue[Event]:
        """Hear of what happens to a run from now on."""
        heard: asyncio.Queue[Event] = asyncio.Queue(WAITING)
        self._followers[folder].add(heard)
        return heard

    def leave(self, folder: str, heard: asyncio.Queue[Event]) -> None:
        """Hear no more."""
        self._followers[folder].discard(heard)
        if not self._followers[folder]:
            del self._followers[folder]

    def _tell(self, folder: str, event: Event) -> None:
        for heard in self._followers.get(folder, ()):
            with suppress(asyncio.QueueFull):
                heard.put_nowait(event)

    async def _go(self) -> None:
        while not self.closing:
            self._news.clear()
            waiting = self.book.queue()
            if waiting:
                await self._run_or_fail(waiting[0])
            else:
                await self._news.wait()

    async def _run_or_fail(self, entry: Entry) -> None:
        """A run that cannot even be started must not hold up the others."""
        try:
            await self._run(entry)
        except Exception as error:
            log.exception("the run %s could not be followed", entry.folder)
            self.book.update(entry.folder, status="failed", finished=now(), error=f"it could not be run: {error}")
            self._tell(entry.folder, {"kind": "end"})

    async def _run(self, entry: Entry) -> None:
        folder = entry.folder
        self.book.update(folder, status="running", started=now(), finished=None, error=None)
        with (self.settings.state / "logs" / f"{folder}.txt").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "torchesegeta.web.child", str(self.config_file(folder))),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                limit=LONGEST_LINE,
                start_new_session=True,
            )
        kept: dict[str, int] = {
            status: n for status, n in self.counts(self.settings.runs / folder).items() if status in FINAL
        }
        self.live = live = Live(entry, process, Progress("running", kept))
        self._tell(folder, {"kind": "begun"})
        try:
            await self._listen(live)
            await process.wait()
        finally:
            _kill_group(process)
            self._conclude(live)
            self.live = None
            self._tell(folder, {"kind": "end"})

    async def _listen(self, live: Live) -> None:
        assert live.process.stdout is not None
        while line := await live.process.stdout.readline():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event["kind"] == "outcome":
                live.outcome = event
            else:
                live.progress.take(event)
                self._tell(live.entry.folder, event)

    def _conclude(self, live: Live) -> None:
        """Note how a run ended."""
        state = live.outcome.get("state")
        status: RunStatus = ENDS.get(str(state), "failed")
        error = live.outcome.get("text") or None
        if state is None:
            error = f"the run's process ended by itself, with exit status {live.process.returncode}"
        if live.cancelled and status != "done":
            status, error = "cancelled", None
        if self.closing and status in ("interrupted", "failed") and state in (None, "interrupted"):
            status, error = "running", None  # waits for the next server
        if status == "interrupted":
            error = None
        live.progress.status = status
        self.book.update(live.entry.folder, status=status, finished=now(), error=error)

    async def _end(self, live: Live) -> None:
        """Interrupt a run as on the command line; one that does not end is killed."""
        with suppress(ProcessLookupError):
            live.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.create_task(live.process.wait())), GRACE)
        except TimeoutError:
            _kill_group(live.process)


def _kill_group(process: Process) -> None:
    """End what is left of a run's processes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
