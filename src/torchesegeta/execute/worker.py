"""The child process: plans a config, runs its jobs, stores every map as it comes, draws, and writes the report."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Sequence
from contextlib import closing
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from torchesegeta.execute.events import Crash, Event, Listener


def work(config: str, crashes: Sequence[Crash], connection: Connection) -> None:
    """Run a config; the entry point of the child process.

    Args:
        config: The config file.
        crashes: Jobs that took an earlier worker down.
        connection: Events go here. When nobody listens any more, the process ends.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(event: Event) -> None:
        try:
            connection.send(event)
        except OSError:
            os._exit(1)

    with closing(connection):
        report_errors(Path(config), crashes, tell)


def report_errors(config: Path, crashes: Sequence[Crash], tell: Listener) -> None:
    """Run a config, and tell what ends it too early: `refused` where nothing has run, else `broken`.

    Args:
        config: The config file.
        crashes: Jobs that took an earlier worker down.
        tell: Gets every event.
    """
    from torchesegeta.config import load_config
    from torchesegeta.errors import EsegetaError
    from torchesegeta.execute.running import run_config
    from torchesegeta.store import LOG

    started = False

    def note_start(event: Event) -> None:
        nonlocal started
        started = started or event["kind"] == "started"
        tell(event)

    try:
        run_config(load_config(config), crashes, note_start)
    except EsegetaError as error:
        tell({"kind": "broken" if started or crashes else "refused", "text": str(error)})
    except MemoryError:
        tell({"kind": "broken", "text": "out of memory"})
    except Exception as error:
        where = f"see {LOG}" if started else traceback.format_exc()
        tell({"kind": "broken", "text": f"unexpected {type(error).__name__}: {error}; {where}"})


def _end_with_parent() -> None:
    """End this process when its parent is gone, whatever it is doing: nobody would stop it any more."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
