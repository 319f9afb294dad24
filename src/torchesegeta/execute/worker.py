"""The worker process: plans the config, then runs the jobs it is given."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from torchesegeta.execute.events import Command, Message
from torchesegeta.execute.log import Level

GPU_FAILED = 70
"""Exit status of a worker that ends itself since its GPU refuses whatever comes next."""


def work(
    config: str,
    level: Level,
    number: int,
    connection: Connection,
    log: Path | None = None,
    shard: str | None = None,
) -> None:
    """Serve a coordinator; the entry point of the process.

    Args:
        config: The config file.
        level: The least that is logged.
        number: Which of the run's workers this is.
        connection: To the coordinator. When nobody listens any more, the process ends.
        log: What is logged to; None: the run's log.
        shard: Which part of the images is run; None: what the config says.
    """
    _end_with_parent()

    def tell(message: Message) -> None:
        try:
            connection.send(message)
        except OSError:
            os._exit(1)

    def ask() -> Command | None:
        try:
            command: Command = connection.recv()
        except (EOFError, OSError):
            return None
        return command

    with closing(connection):
        report_errors(Path(config), level, number, ask, tell, log, shard)


def report_errors(
    config: Path,
    level: Level,
    number: int,
    ask: Callable[[], Command | None],
    tell: Callable[[Message], None],
    log: Path | None = None,
    shard: str | None = None,
) -> None:
    """Serve, and tell what ends it too early: `refused` where it is the config's fault, else `broken`.

    Args:
        config: The config file.
        level: The least that is logged.
        number: Which of the run's workers this is.
        ask: Waits for a command; None: there is nothing more to do.
        tell: Gets every message.
        log: What is logged to; None: the run's log.
        shard: Which part of the images is run; None: what the config says.
    """
    from torchesegeta.config import load_config
    from torchesegeta.errors import EsegetaError
    from torchesegeta.execute.running import serve
    from torchesegeta.ledger import LOG

    planned = False

    def note(message: Message) -> None:
        nonlocal planned
        planned = planned or message["kind"] == "planned"
        tell(message)

    try:
        serve(load_config(config, shard), level, number, ask, note, log)
    except EsegetaError as error:
        tell({"kind": "broken" if planned else "refused", "text": str(error)})
    except MemoryError:
        tell({"kind": "broken", "text": "out of memory"})
    except Exception as error:
        where = f"see {LOG}" if planned else traceback.format_exc()
        tell({"kind": "broken", "text": f"unexpected {type(error).__name__}: {error}; {where}"})


def _end_with_parent() -> None:
    """End this process when its coordinator is gone, whatever it is doing: nobody would stop it any more."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":  # SIGIO ends also native code that never lets a thread run
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, fcntl.fcntl(parent.sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_wait_for, args=(parent,), daemon=True).start()


def _wait_for(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
