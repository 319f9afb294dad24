"""Scores of a run folder, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torchesegeta.ledger import in_order, key_of, read_records, read_runs
from torchesegeta.types import Score


def load_scores(folder: Path | str) -> list[Score]:
    """The scores of a run, or of all the shards in a folder; what figures are drawn from stays in its files.

    Args:
        folder: The run folder.

    Raises:
        StoreError: It is no run folder, or its manifest cannot be read.
    """
    lines = [record for record in read_records(Path(folder)) if record["record"] == "score"]
    records = {key_of(record): record for record in lines}
    return [score_of(record) for record in in_order(records.values(), read_runs(Path(folder)))]


def score_of(record: Mapping[str, Any]) -> Score:
    """The score of a line of the manifest."""
    names = [field.name for field in fields(Score) if field.name != "arrays"]
    return Score(**{name: record[name] for name in names if name in record})
