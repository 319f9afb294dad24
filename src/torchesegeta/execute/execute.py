"""Runs a config in worker processes: what takes one down costs its own maps only."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torchesegeta.execute.coordinator import Coordinator, Hire
from torchesegeta.execute.events import Listener
from torchesegeta.execute.log import Level
from torchesegeta.execute.outcome import Outcome
from torchesegeta.execute.process import WorkerProcess
from torchesegeta.execute.runfile import mark_interrupted


def execute(config: Path, listen: Listener, *, level: Level = "info", hire: Hire | None = None) -> Outcome:
    """Run a config to its end.

    A job whose worker process dies or hangs is tried again in halves, until the guilty method is alone; its maps are
    `failed` or `timeout`.

    Args:
        config: The config file.
        listen: Gets every event.
        level: The least that is logged.
        hire: Makes workers; None: processes.

    Returns:
        How it ended; an interrupt by the user is an outcome too.
    """
    run = Coordinator(hire or partial(WorkerProcess, str(config), level), listen, level)
    try:
        outcome = run.go()
    except KeyboardInterrupt:
        outcome = Outcome("interrupted", "interrupted", folder=run.folder)
    finally:
        run.close()
    if outcome.folder is not None and outcome.state != "finished":
        mark_interrupted(outcome.folder)
    return outcome
