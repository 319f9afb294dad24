"""Scores of a run folder, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torchesegeta.ledger import key_of, read_manifest
from torchesegeta.types import Score


def load_scores(folder: Path | str) -> list[Score]:
    """The scores of a run; what figures are drawn from stays in its files.

    Args:
        folder: The run folder.

    Raises:
        StoreError: It is no run folder, or its manifest cannot be read.
    """
    records = {key_of(record): record for record in read_manifest(Path(folder)) if record["record"] == "score"}
    return [score_of(record) for record in records.values()]


def score_of(record: Mapping[str, Any]) -> Score:
    """The score of a line of the manifest."""
    names = [field.name for field in fields(Score) if field.name != "arrays"]
    return Score(**{name: record[name] for name in names if name in record})
