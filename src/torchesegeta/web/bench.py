"""A process beside the server that loads models and runs single passes: for plans, layers, previews, predictions."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from anyio import to_thread

from torchesegeta.web.configs import Config
from torchesegeta.web.refusals import Refusal

Task = Literal["layers", "plan", "predict", "preview"]
PATIENCE = 600.0
"""Seconds an answer may take."""


class Bench:
    """The process; started when it is first needed, and again when it has died."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._process: BaseProcess | None = None
        self._ours: Connection | None = None

    async def ask(self, task: Task, config: Config, *, gone: Callable[[], Awaitable[bool]]) -> Any:
        """Have something done, one after the other; who has gone away meanwhile is passed over.

        Args:
            task: What.
            config: Of the command line.
            gone: Whether nobody waits for the answer any more.

        Raises:
            Refusal: It cannot be done.
        """
        async with self._turn:
            if await gone():
                raise Refusal(409, "a newer request took the place of this one")
            return await asyncio.shield(to_thread.run_sync(self._ask, task, config))

    def _ask(self, task: Task, config: Config) -> Any:
        connection = self._connected()
        try:
            connection.send((task, config))
            if not connection.poll(PATIENCE):
                self.close()
                raise Refusal(422, f"the model took more than {PATIENCE:.0f} s; try a smaller image, or patches")
            fine, answer = connection.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise Refusal(422, "the process that ran the model died, as when memory runs out") from error
        if not fine:
            raise Refusal(422, *answer)
        return answer

    def _connected(self) -> Connection:
        if self._ours is None or self._process is None or not self._process.is_alive():
            self.close()
            context = multiprocessing.get_context("spawn")
            self._ours, theirs = context.Pipe()
            self._process = context.Process(target=serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        assert self._ours is not None
        return self._ours

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._ours is not None:
            self._ours.close()
        self._process = self._ours = None


def serve(connection: Connection) -> None:
    """Answer until nobody asks any more; the entry point of the process.

    Args:
        connection: To the server. A task and a config come in; whether it could be done, and the answer or a sentence
            and the fields it concerns, go out.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from torchesegeta.web import bench_tasks

    while True:
        try:
            task, config = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(bench_tasks.do(task, config))
