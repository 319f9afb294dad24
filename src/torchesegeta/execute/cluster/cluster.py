"""A Ray cluster that a run makes use of."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchesegeta.config import RunConfig, load_config
from torchesegeta.errors import ConfigError
from torchesegeta.execute.log import Level
from torchesegeta.executors import ADDRESS, RayExecutor

if TYPE_CHECKING:
    from torchesegeta.execute.process import Hand

WITHIN = 10.0
"""Seconds that an address gets to answer."""
STORE = 256 * 2**20
"""Bytes of Ray's object store in a cluster of this machine alone, which needs next to none."""
THREADS = 4
"""Calls that a relay answers side by side: it listens, and is spoken to."""


class RayCluster:
    """A cluster, and the workers of one run in it.

    Args:
        path: The config file, whose executor is Ray.
        level: The least that is logged.
        shard: Which part of the images is run, as '3/16'; None: what the config says.

    Raises:
        ConfigError: The config is wrong, Ray is not installed, or the cluster cannot be reached or has no place
            for a worker.
    """

    def __init__(self, path: Path, level: Level, shard: str | None = None) -> None:
        config = load_config(path, shard)
        executor = config.execution.executor
        assert isinstance(executor, RayExecutor), "held by the caller"
        _need_ray()
        from torchesegeta.execute.cluster.places import Places
        from torchesegeta.execute.cluster.results import Results

        self.level = level
        self._idle: list[Any] = []
        self._ours = _connect(executor.address)
        try:
            self.places = Places(config.execution, executor)
        except BaseException:
            self.close()
            raise
        self.results = Results(config.output, executor.results == "objects")
        self.config = self._resolved(config, executor).model_dump_json(by_alias=True)

    def _resolved(self, config: RunConfig, executor: RayExecutor) -> RunConfig:
        """The config with the device that every worker gets and their number."""
        execution = {
            "devices": (self.places.device,),
            "executor": executor.model_copy(update={"workers": self.places.workers}),
        }
        return config.model_copy(update={"execution": config.execution.model_copy(update=execution)})

    def hire(self, number: int) -> Hand:
        """A worker."""
        from torchesegeta.execute.cluster.hand import RayHand

        return RayHand(number, self._relay(), self._idle.append, self.places, self.results)

    def _relay(self) -> Any:
        """One that has no worker any more, or a new one, which waits for a place."""
        if self._idle:
            return self._idle.pop()
        import ray

        from torchesegeta.execute.cluster.relay import Relay

        options: dict[str, Any] = {"max_concurrency": THREADS, "scheduling_strategy": "SPREAD", **self.places.needs}
        return ray.remote(Relay).options(**options).remote(self.config, self.level, self.results.sent)

    def close(self) -> None:
        """Leave the cluster; one that was started for this run ends."""
        import ray

        for relay in self._idle:
            ray.kill(relay)
        if self._ours:
            ray.shutdown()


def _need_ray() -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that a run starts reports to nobody
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "execution.executor: 'ray' needs Ray, which is not installed: pip install 'torchesegeta[cluster]'"
        ) from error


def _connect(address: str | None) -> bool:
    """Join a cluster, or start one; False: this process is in one already."""
    import ray

    if ray.is_initialized():
        return False
    before = signal.getsignal(signal.SIGTERM)
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE} if address is None else {}
    told = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address or ""
    if ADDRESS.fullmatch(told):
        _need_answer(told)
    try:
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **own)
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        raise ConfigError(f"execution.executor.address: no cluster can be reached at {address!r}: {said}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray sets its own
    return True


def _need_answer(address: str) -> None:
    """Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=WITHIN).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"execution.executor.address: nothing answers at {address!r}: {error}") from error
