"""The registry of metrics."""

from __future__ import annotations

from torchesegeta.metrics.base import Metric
from torchesegeta.plugins import Registry

REGISTRY: Registry[Metric] = Registry("metric", "torchesegeta.metrics")
register = REGISTRY.register


def metrics() -> dict[str, type[Metric]]:
    """All metrics by name, in the order of their names."""
    return REGISTRY.known()
