"""What a user writes under `metrics`, checked against the registry, and what is run together."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

from torchesegeta.errors import ConfigError, unknown
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
        methods: Labels of the methods whose maps it judges; None: all.
    """

    label: str
    metric: Metric
    timeout_s: float | None = None
    methods: tuple[str, ...] | None = None

    def judges(self, label: str) -> bool:
        """Whether it judges the maps of a method."""
        return self.methods is None or label in self.methods


@dataclass(frozen=True)
class Examination:
    """Metrics that are worked out together, since they share what has to be run.

    Attributes:
        metrics: All of one kind, which judge the same methods; those that explain again do so at the same places.
    """

    metrics: tuple[WantedMetric, ...]

    @property
    def timeout_s(self) -> float | None:
        """Seconds that they may take; they have the same."""
        return self.metrics[0].timeout_s

    def judges(self, label: str) -> bool:
        """Whether they judge the maps of a method."""
        return self.metrics[0].judges(label)


def parse_metrics(entries: Sequence[Entry], field: str = "metrics") -> list[WantedMetric]:
    """Labels, metrics and time limits.

    Args:
        entries: A name, or a mapping with a `name`, parameters, a `label` where the same name stands twice,
            `timeout_s`, and `methods`, the labels of those whose maps it judges.
        field: Path of the list, for what is said of errors.

    Raises:
        ConfigError: No metric, an unknown metric or parameter, a value out of bounds, or one label twice.
    """
    if not entries:
        raise ConfigError(f"{field}: the list is empty; give at least one")
    parsed = [_parse(entry, f"{field}[{i}]") for i, entry in enumerate(entries)]
    check_labels(field, [wanted.label for wanted in parsed])
    return parsed


def _parse(entry: Entry, path: str) -> WantedMetric:
    fields = {"name": entry} if isinstance(entry, str) else dict(entry)
    labels = fields.pop("methods", None)
    if labels is not None:
        labels = (labels,) if isinstance(labels, str) else tuple(labels)
    return WantedMetric(*parse_entry(fields, path, "metric", metrics()), methods=labels)


def check_judged(wanted: Sequence[WantedMetric], labels: Collection[str], field: str = "metrics") -> None:
    """Refuse a metric that is to judge methods which are not there.

    Raises:
        ConfigError: With the nearest name.
    """
    for number, one in enumerate(wanted):
        for label in one.methods or ():
            if label not in labels:
                raise ConfigError(f"{field}[{number}].methods: {unknown('method', label, labels, where='here')}")


def group_metrics(wanted: Sequence[WantedMetric]) -> list[Examination]:
    """Metrics that need the map alone are one examination, and so are those that explain again at the same places."""
    alike: dict[Hashable, list[WantedMetric]] = {}
    for number, one in enumerate(wanted):
        alike.setdefault((_shared(one.metric, number), one.timeout_s, one.methods), []).append(one)
    return [Examination(tuple(members)) for members in alike.values()]


def _shared(metric: Metric, number: int) -> Hashable:
    if isinstance(metric, MapMetric):
        return MapMetric
    return metric.variation() if isinstance(metric, RepeatMetric) else number
