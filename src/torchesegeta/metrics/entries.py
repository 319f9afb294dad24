"""What a user writes under `metrics`, checked against the registry, and what is run together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from torchesegeta.errors import ConfigError
from torchesegeta.metrics.base import MapMetric, Metric, RepeatMetric
from torchesegeta.metrics.registry import metrics
from torchesegeta.tasks import Entry, check_labels, parse_entry


@dataclass(frozen=True)
class WantedMetric:
    """A metric as a user wants it.

    Attributes:
        label: Its name among the others.
        metric: The metric and its parameters.
        timeout_s: Seconds it may take for an image; None: any time.
    """

    label: str
    metric: Metric
    timeout_s: float | None = None


@dataclass(frozen=True)
class Examination:
    """Metrics that are worked out together, since they share what has to be run.

    Attributes:
        metrics: All of one kind; those that explain again do so at the same places.
    """

    metrics: tuple[WantedMetric, ...]

    @property
    def timeout_s(self) -> float | None:
        """Seconds that they may take; they have the same."""
        return self.metrics[0].timeout_s


def parse_metrics(entries: Sequence[Entry], field: str = "metrics") -> list[WantedMetric]:
    """Labels, metrics and time limits.

    Args:
        entries: A name, or a mapping with a `name`, parameters, a `label` where the same name stands twice, and
            `timeout_s`.
        field: Path of the list, for what is said of errors.

    Raises:
        ConfigError: No metric, an unknown metric or parameter, a value out of bounds, or one label twice.
    """
    if not entries:
        raise ConfigError(f"{field}: the list is empty; give at least one")
    known = metrics()
    parsed = [WantedMetric(*parse_entry(e, f"{field}[{i}]", "metric", known)) for i, e in enumerate(entries)]
    check_labels(field, [wanted.label for wanted in parsed])
    return parsed


def group_metrics(wanted: Sequence[WantedMetric]) -> list[Examination]:
    """Metrics that need the map alone are one examination, and so are those that explain again at the same places."""
    alike: dict[Hashable, list[WantedMetric]] = {}
    for number, one in enumerate(wanted):
        alike.setdefault((_shared(one.metric, number), one.timeout_s), []).append(one)
    return [Examination(tuple(members)) for members in alike.values()]


def _shared(metric: Metric, number: int) -> Hashable:
    if isinstance(metric, MapMetric):
        return MapMetric
    return metric.variation() if isinstance(metric, RepeatMetric) else number
