"""Metrics: one small file each, found by scanning this folder; they run no model themselves.

`torchesegeta.metrics()` lists them: the package is callable, since the name of the call is also its own.
"""

import sys
from types import ModuleType

from torchesegeta.metrics.base import Case, MapMetric, Measurement, Metric, RepeatMetric, ScoreMetric
from torchesegeta.metrics.registry import metrics, register

__all__ = [
    "Case",
    "MapMetric",
    "Measurement",
    "Metric",
    "RepeatMetric",
    "ScoreMetric",
    "metrics",
    "register",
]


class _Catalogue(ModuleType):
    def __call__(self) -> dict[str, type[Metric]]:
        return metrics()


sys.modules[__name__].__class__ = _Catalogue
