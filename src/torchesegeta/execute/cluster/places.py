"""Places for workers on the nodes of a cluster."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError

from torchesegeta.config import ExecutionConfig
from torchesegeta.errors import ConfigError
from torchesegeta.executors import RayExecutor

Node = dict[str, Any]


class Places:
    """Where workers run: what each needs of a node, how many there is place for, and how long nobody has had one.

    Args:
        execution: Of the config.
        executor: The same, of the config.

    Raises:
        ConfigError: No worker can be placed.
    """

    def __init__(self, execution: ExecutionConfig, executor: RayExecutor) -> None:
        self.executor, self.per_gpu = executor, execution.workers_per_device
        nodes = living_nodes()
        gpus = any(node["Resources"].get("GPU", 0) for node in nodes)
        self.device = "cuda" if execution.devices == ("cuda",) or (execution.devices == ("auto",) and gpus) else "cpu"
        self.workers = executor.workers or sum(map(self._on, nodes))
        if self.device == "cuda" and not gpus and executor.workers is None:
            raise ConfigError(f"execution.devices: 'cuda' is not available: no node has a GPU; they have {_sum(nodes)}")
        if not self.workers:
            raise ConfigError(f"execution.executor: {self.none()}")
        self._lock = threading.Lock()
        self._taken, self._since = 0, time.monotonic()

    @property
    def needs(self) -> dict[str, float]:
        """Of a worker, as Ray names it. Ray counts in steps of 1e-4."""
        gpus = math.floor(1e4 / self.per_gpu) / 1e4 if self.device == "cuda" else 0
        return {"num_cpus": self.executor.cpus_per_worker, "num_gpus": gpus}

    def _on(self, node: Node) -> int:
        """Places on a node."""
        places = int(node["Resources"].get("CPU", 0) // self.executor.cpus_per_worker)
        if self.device == "cuda":
            places = min(places, int(node["Resources"].get("GPU", 0)) * self.per_gpu)
        return places

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A worker has a place meanwhile."""
        with self._lock:
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
                self._since = time.monotonic()

    @property
    def waited_enough(self) -> bool:
        """Whether no worker has had a place for too long."""
        with self._lock:
            return not self._taken and time.monotonic() - self._since > self.executor.wait_s

    def none(self) -> str:
        """Says that there is no place."""
        wanted = f"{self.executor.cpus_per_worker} CPUs"
        if self.device == "cuda":
            wanted += f" and {self.needs['num_gpus']:g} GPU"
        here = _sum(living_nodes())
        return f"the cluster has no place for a worker, which needs {wanted} on a node; all nodes have {here}"


def has_lost_its_node(node: str, error: RayActorError) -> bool:
    """Whether more than an actor's process is gone. Ray tells of a dead process only where its node lives to say so.

    Args:
        node: The actor's.
        error: What was said of the actor.
    """
    return isinstance(error, ActorUnavailableError) or all(other["NodeID"] != node for other in living_nodes())


def living_nodes() -> list[Node]:
    """What Ray says of the nodes that live."""
    return [node for node in ray.nodes() if node["Alive"]]


def _sum(nodes: Sequence[Node]) -> str:
    sums = {kind: sum(node["Resources"].get(kind, 0) for node in nodes) for kind in ("CPU", "GPU")}
    return f"{sums['CPU']:g} CPUs and {sums['GPU']:g} GPUs"
