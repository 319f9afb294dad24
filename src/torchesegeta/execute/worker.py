"""The child process: plans a config, runs its jobs, stores every map as it comes, draws, and writes the report."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import closing
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    from torchesegeta.errors import ConfigError, EsegetaError, InputError, ModelError

    def tell(event: Event) -> None:
        try:
            connection.send(event)
        except (BrokenPipeError, OSError):
            os._exit(1)

    started = False

    def note_start(event: Event) -> None:
        nonlocal started
        started = started or event["kind"] == "started"
        tell(event)

    with closing(connection):
        try:
            _run(Path(config), crashes, note_start)
        except (ConfigError, InputError, ModelError) as error:
            tell({"kind": "broken" if started else "refused", "text": str(error)})
        except EsegetaError as error:
            tell({"kind": "broken", "text": str(error)})
        except MemoryError:
            tell({"kind": "broken", "text": "out of memory"})


def _run(path: Path, crashes: Sequence[Crash], tell: Listener) -> None:
    from torchesegeta.config import load_config
    from torchesegeta.execute.running import run_config

    run_config(load_config(path), crashes, tell)
