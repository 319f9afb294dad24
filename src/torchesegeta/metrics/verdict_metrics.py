"""What has to be worked out for a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torchesegeta.metrics.entries import WantedMetric, parse_metrics
from torchesegeta.metrics.registry import metrics
from torchesegeta.tasks import Entry
from torchesegeta.verdict import CASCADE, CHANCE, FAITHFULNESS, SENSITIVITY


def verdict_entries(given: Iterable[WantedMetric] = ()) -> list[Entry]:
    """The metrics that answer the questions of a verdict, those left out that are asked for already.

    Chance is that of deletion and insertion as they are asked for, so that the two can be compared.

    Args:
        given: What is asked for already.
    """
    given = list(given)
    present = {one.metric.name for one in given}
    entries: list[Entry] = [name for name in (CASCADE, SENSITIVITY) if name not in present]
    for name in FAITHFULNESS:
        if name not in metrics():
            continue
        entries += [] if name in present else [name]
        asked = [one for one in given if one.metric.name == name] or parse_metrics([name])
        entries += _chance(asked, given)
    return entries


def _chance(asked: Sequence[WantedMetric], given: Sequence[WantedMetric]) -> list[Entry]:
    """The chance of each, unless it is asked for."""
    known = [one.metric.parameters().get("metric") for one in given if one.metric.name == CHANCE]
    found: list[Entry] = []
    for one in asked:
        whole: dict[str, Any] = {"name": one.metric.name, **one.metric.parameters()}
        if whole not in known:
            entry: dict[str, Any] = {"name": CHANCE, "label": f"chance_of_{one.label}", "metric": whole}
            found.append(entry if one.methods is None else {**entry, "methods": list(one.methods)})
    return found
