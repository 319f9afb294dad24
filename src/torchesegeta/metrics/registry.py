"""The registry of metrics: one decorator, one scan of this folder, and what other packages bring."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TypeVar

from torchesegeta.metrics.base import Metric

M = TypeVar("M", bound=type[Metric])

log = logging.getLogger(__name__)

ENTRY_POINTS = "torchesegeta.metrics"
_METRICS: dict[str, type[Metric]] = {}


def register(name: str) -> Callable[[M], M]:
    """Register a metric class under a name.

    Raises:
        ValueError: The name is taken.
    """

    def add(metric: M) -> M:
        if name in _METRICS:
            raise ValueError(f"metric {name!r} is registered twice: {_METRICS[name].__module__}, {metric.__module__}")
        metric.name = name
        _METRICS[name] = metric
        return metric

    return add


@cache
def _scan() -> None:
    package = import_module("torchesegeta.metrics")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"torchesegeta.metrics.{module.name}")
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:
            log.warning("the metric %r of %r cannot be loaded: %s", point.name, point.value, error)


def metrics() -> dict[str, type[Metric]]:
    """All metrics by name, in the order of their names."""
    _scan()
    return dict(sorted(_METRICS.items()))
