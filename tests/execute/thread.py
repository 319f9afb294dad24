"""A worker in a thread of this process: starts at once, and can be patched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from torchesegeta.execute.events import Command, Message
from torchesegeta.execute.log import Level
from torchesegeta.execute.worker import report_errors


class Gone(BaseException):
    """Nobody listens any more."""


class WorkerThread:
    """Stands in for a worker process."""

    blameless = False

    def __init__(self, config: Path, number: int, level: Level = "info", shard: str | None = None) -> None:
        self._ours, self._theirs = Pipe()
        self._thread = threading.Thread(target=self._work, args=(config, level, number, shard), daemon=True)
        self.ended = False
        self.death = "the worker ended"

    @property
    def signs(self) -> list[Any]:
        return [self._ours]

    def start(self) -> None:
        self._thread.start()

    def send(self, command: Command) -> None:
        self._ours.send(command)

    def messages(self) -> Iterator[Message]:
        try:
            while self._ours.poll():
                yield self._ours.recv()
        except (EOFError, OSError):
            self.ended = True

    def kill(self) -> None:
        self._ours.close()
        self._thread.join()

    def _work(self, config: Path, level: Level, number: int, shard: str | None) -> None:
        try:
            report_errors(config, level, number, self._ask, self._tell, shard=shard)
        except Gone:
            pass
        finally:
            self._theirs.close()

    def _ask(self) -> Command | None:
        try:
            command: Command = self._theirs.recv()
        except (EOFError, OSError):
            return None
        return command

    def _tell(self, message: Message) -> None:
        try:
            self._theirs.send(message)
        except OSError as error:
            raise Gone from error
