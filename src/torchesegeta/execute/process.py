"""A worker process, from outside."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from torchesegeta.execute.events import Command, Message
from torchesegeta.execute.log import Level
from torchesegeta.execute.worker import GPU_FAILED, work

PRELOADED = ["torchesegeta.execute.running"]
"""What the fork server imports once, so that a worker starts at once. It imports torch and touches no GPU."""


class Hand(Protocol):
    """A worker, as the coordinator knows it."""

    @property
    def signs(self) -> list[Any]:
        """What `multiprocessing.connection.wait` may wait for: one is ready when there are messages, or it has died."""

    @property
    def ended(self) -> bool:
        """Whether it will say nothing more."""

    @property
    def death(self) -> str:
        """How it ended, in words."""

    @property
    def blameless(self) -> bool:
        """Whether its end was no fault of its job: the machine it ran on is gone."""

    def start(self) -> None:
        """Let it begin to plan."""

    def send(self, command: Command) -> None:
        """Give it something to do; it must have nothing to do."""

    def messages(self) -> Iterator[Message]:
        """What it has said since."""

    def kill(self) -> None:
        """End it at once, whatever it is doing; what is half written keeps its temporary name."""


class WorkerProcess:
    """A worker in a process of its own.

    Args:
        config: The config file.
        level: The least that is logged.
        number: Which of the run's workers it is.
        log: What it logs to; None: the run's log.
        shard: Which part of the images is run; None: what the config says.
    """

    blameless = False

    def __init__(
        self, config: str, level: Level, number: int, log: Path | None = None, shard: str | None = None
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._ours: Connection
        self._theirs: Connection
        self._ours, self._theirs = context.Pipe(duplex=True)
        arguments = (config, level, number, self._theirs, log, shard)
        self._process = context.Process(target=work, args=arguments, daemon=True)
        self.ended = False

    @property
    def signs(self) -> list[Any]:
        """Its connection, and its end."""
        return [self._ours, self._process.sentinel]

    def start(self) -> None:
        """Start it; an interrupt is for this process alone to hear."""
        resource_tracker.ensure_running()  # else it is started below, and lets interrupts through again
        with _interrupts_held():
            forkserver.ensure_running()
            self._process.start()
        self._theirs.close()

    def send(self, command: Command) -> None:
        """Give it something to do; one that has just died is buried later."""
        try:
            self._ours.send(command)
        except OSError:
            self.ended = True

    def messages(self) -> Iterator[Message]:
        """What it has said since; it may have died in the middle of it."""
        try:
            while self._ours.poll():
                yield self._ours.recv()
        except (EOFError, OSError):
            self.ended = True
        self.ended = self.ended or not self._process.is_alive()

    @property
    def death(self) -> str:
        """How it ended, in words."""
        self._process.join()
        code = self._process.exitcode or 0
        if code == -signal.SIGKILL:
            return "the worker process was killed, as when memory runs out"
        if code < 0:
            names = {one.value: one.name for one in signal.Signals}
            return f"the worker process died of {names.get(-code, f'signal {-code}')}"
        if code == GPU_FAILED:
            return "the worker process ended itself, since the GPU failed in it (see log.txt)"
        return f"the worker process ended by itself, with exit status {code}"

    def kill(self) -> None:
        """End it at once."""
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
