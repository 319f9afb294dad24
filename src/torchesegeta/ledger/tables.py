"""`metrics.csv`: the scores of a run as a table, a row for each figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchesegeta.ledger.files import write_csv

METRICS = "metrics.csv"
COLUMNS = (
    *("image", "method", "label", "layer", "target", "metric", "measure", "step", "value"),
    *("status", "reason", "seconds"),
)


def write_table(path: Path, scores: Sequence[Mapping[str, Any]]) -> None:
    """Write the scores: the row whose measure is `value` is the score itself, then its further figures and curves.

    Raises:
        StoreError: The file cannot be written.
    """
    write_csv(path, COLUMNS, ([row[name] for name in COLUMNS] for row in _rows(scores)))


def _rows(scores: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for score in scores:
        about = {name: score.get(name) for name in COLUMNS}
        yield {**about, "measure": "value"}
        for name, value in score["measures"].items():
            yield {**about, "measure": name, "value": value}
        for name, values in score["curves"].items():
            for step, value in zip(score["steps"], values, strict=True):
                yield {**about, "measure": name, "step": step, "value": value}
