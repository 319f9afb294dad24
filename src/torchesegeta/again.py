"""A run folder as a config once more: what `esegeta evaluate` goes on from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.ledger import missing_of, read_run, shards_in

DEFAULT = ("infidelity", "sensitivity", "gini")
"""What is worked out where neither the command nor the run's config says it."""


def check_fit(of_run: Mapping[str, object], of_planted: Mapping[str, object], *, planted: bool) -> None:
    """Refuse options of `esegeta evaluate` that say nothing together.

    Args:
        of_run: What is for run folders, by the name it has on the command line; the folder is `RUN`.
        of_planted: What is for planted truth.
        planted: Whether that is asked for.

    Raises:
        ConfigError: One does not fit, or there is no folder.
    """
    strange = [name for name, value in (of_run if planted else of_planted).items() if value]
    if strange:
        why = "--planted judges no run" if planted else "only --planted takes it"
        raise ConfigError(f"{strange[0]} does not fit: {why}")
    if not planted and of_run["RUN"] is None:
        raise ConfigError("RUN: give a run folder, or --planted")


def folders_to_evaluate(folder: Path) -> list[Path]:
    """The run folder, or those of the shards that it holds.

    Raises:
        StoreError: It holds shards of different numbers of them.
    """
    return list(shards_in(folder).values()) or [folder]


def missing_shards(folder: Path) -> list[str]:
    """What is said of shards that a folder lacks; nothing where none is missing.

    Raises:
        StoreError: It holds shards of different numbers of them.
    """
    return missing_of(shards_in(folder))


@contextmanager
def config_to_evaluate(folder: Path, metrics: Sequence[str] = (), *, verdict: bool = False) -> Iterator[Path]:
    """The config of a run, with metrics, as a file that is there for a while.

    Args:
        folder: The run folder; it may have been moved.
        metrics: Names; none: those of the run's config, or a few where it has none.
        verdict: Whether to add what a verdict on each method needs.

    Raises:
        StoreError: It is no run folder, or holds maps that no run has made.
    """
    config = read_run(folder).get("config")
    if not isinstance(config, dict):
        raise StoreError(f"{str(folder)!r} holds maps without the config that made them: use torchesegeta.evaluate")
    config = {**config, "output": str(folder.resolve()), "evaluation": _evaluation(config, metrics, verdict)}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        yield path


def _evaluation(config: dict[str, Any], names: Sequence[str], verdict: bool) -> dict[str, Any]:
    """The metrics of a config, with those that are named; their parameters are those of the config."""
    before: dict[str, Any] = config.get("evaluation") or {}
    entries = list(before.get("metrics", ()))
    cascade = before.get("cascading_randomisation")
    if verdict and before.get("verdict") is None:
        before = {**before, "verdict": {}}
    if not names and not entries and cascade is None and before.get("verdict") is None:
        return {**before, "metrics": list(DEFAULT)}
    known = {entry if isinstance(entry, str) else entry.get("label", entry.get("name")) for entry in entries}
    if cascade is not None:
        known.add("cascading_randomisation")
    return {**before, "metrics": [*entries, *(name for name in names if name not in known)]}
