"""Runs a config in worker processes: what takes one down costs its own maps only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from torchesegeta.errors import EsegetaError
from torchesegeta.execute.coordinator import Coordinator, Hire
from torchesegeta.execute.events import Listener
from torchesegeta.execute.log import Level
from torchesegeta.execute.outcome import Outcome
from torchesegeta.execute.process import WorkerProcess
from torchesegeta.execute.runfile import mark_interrupted


def execute(
    config: Path, listen: Listener, *, level: Level = "info", hire: Hire | None = None, shard: str | None = None
) -> Outcome:
    """Run a config to its end.

    A job whose worker process dies or hangs is tried again in halves, until the guilty method is alone; its maps are
    `failed` or `timeout`.

    Args:
        config: The config file.
        listen: Gets every event.
        level: The least that is logged.
        hire: Makes workers; None: as the config's executor says.
        shard: Which part of the images these processes run, as '3/16'; None: what the config says.

    Returns:
        How it ended; an interrupt by the user is an outcome too.
    """
    try:
        with _hiring(config, level, shard) if hire is None else nullcontext(hire) as found:
            return _run(Coordinator(found, listen, level))
    except EsegetaError as error:
        return Outcome("refused", str(error))
    except KeyboardInterrupt:
        return Outcome("interrupted", "interrupted")


@contextmanager
def _hiring(config: Path, level: Level, shard: str | None) -> Iterator[Hire]:
    """Makes workers, on this machine unless the config asks for a cluster.

    Raises:
        ConfigError: The config asks for a cluster, and is wrong.
    """
    if _executor(config) != "ray":
        yield partial(WorkerProcess, str(config), level, shard=shard)
        return
    from torchesegeta.execute.cluster import RayCluster

    with closing(RayCluster(config, level, shard)) as cluster:
        yield cluster.hire


def _executor(config: Path) -> Any:
    """The executor's kind, without torch; None where the config is wrong, which a worker says best."""
    with suppress(OSError, ValueError, RecursionError, LookupError, TypeError):
        return json.loads(config.read_text(encoding="utf-8"))["execution"]["executor"]["kind"]
    return None


def _run(run: Coordinator) -> Outcome:
    try:
        outcome = run.go()
    except KeyboardInterrupt:
        outcome = Outcome("interrupted", "interrupted", folder=run.folder)
    finally:
        run.close()
    if outcome.folder is not None and outcome.state != "finished":
        mark_interrupted(outcome.folder)
    return outcome
