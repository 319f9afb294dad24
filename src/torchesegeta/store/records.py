"""What the manifest says of a map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torchesegeta.ledger import Record
from torchesegeta.types import Attribution, Score


def describe(attribution: Attribution) -> Record:
    """The manifest's line for a map, its files left out.

    JSON knows neither NaN nor infinity: a measure that is one becomes null, with a warning.
    """
    measures = {name: float(value) for name, value in attribution.measures.items()}
    lost = [f"{name} is {value}: it cannot be told" for name, value in measures.items() if not math.isfinite(value)]
    return {
        "record": "map",
        "method": attribution.method,
        "label": attribution.label,
        "target": attribution.target,
        "target_index": attribution.target_index,
        "layer": attribution.layer,
        "image": attribution.image,
        "space": attribution.space,
        "status": attribution.status,
        "reason": attribution.reason,
        "seconds": round(attribution.seconds, 4),
        "passes": attribution.passes,
        "retries": attribution.retries,
        "precision": attribution.precision,
        "peak_memory_bytes": attribution.peak_memory,
        "warnings": [*attribution.warnings, *lost],
        "parameters": _finite(attribution.parameters),
        "measures": {name: value if math.isfinite(value) else None for name, value in measures.items()},
        "matched": attribution.matched,
        "signed": attribution.signed,
        "quantity": attribution.quantity,
        "shows": attribution.shows,
        "of_model": attribution.of_model,
        "covers": attribution.covers,
        "files": {},
    }


def describe_score(score: Score) -> Record:
    """The manifest's line for a score."""
    return {
        "record": "score",
        "method": score.method,
        "label": score.label,
        "target": score.target,
        "target_index": score.target_index,
        "layer": score.layer,
        "image": score.image,
        "metric": score.metric,
        "metric_name": score.metric_name,
        "value": score.value,
        "measures": score.measures,
        "steps": list(score.steps),
        "curves": {n: [v if math.isfinite(v) else None for v in values] for n, values in score.curves.items()},
        "status": score.status,
        "reason": score.reason,
        "seconds": round(score.seconds, 4),
        "passes": score.passes,
        "warnings": list(score.warnings),
        "parameters": _finite(score.parameters),
        "files": {},
    }


def _finite(value: Any) -> Any:
    """A JSON value with NaN and infinity as text."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
