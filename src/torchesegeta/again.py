"""A run folder as a config once more: what `esegeta evaluate` goes on from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torchesegeta.errors import StoreError
from torchesegeta.ledger import read_run

DEFAULT = ("infidelity", "sensitivity", "gini")
"""What is worked out where neither the command nor the run's config says it."""


@contextmanager
def config_to_evaluate(folder: Path, metrics: Sequence[str] = ()) -> Iterator[Path]:
    """The config of a run, with metrics, as a file that is there for a while.

    Args:
        folder: The run folder; it may have been moved.
        metrics: Names; none: those of the run's config, or a few where it has none.

    Raises:
        StoreError: It is no run folder, or holds maps that no run has made.
    """
    config = read_run(folder).get("config")
    if not isinstance(config, dict):
        raise StoreError(f"{str(folder)!r} holds maps without the config that made them: use torchesegeta.evaluate")
    config = {**config, "output": str(folder.resolve()), "evaluation": _evaluation(config, metrics)}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        yield path


def _evaluation(config: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The metrics of a config, with those that are named; their parameters are those of the config."""
    before: dict[str, Any] = config.get("evaluation") or {}
    entries = list(before.get("metrics", ()))
    cascade = before.get("cascading_randomisation")
    if not names and not entries and cascade is None:
        return {"metrics": list(DEFAULT)}
    known = {entry if isinstance(entry, str) else entry.get("label", entry.get("name")) for entry in entries}
    if cascade is not None:
        known.add("cascading_randomisation")
    return {**before, "metrics": [*entries, *(name for name in names if name not in known)]}
