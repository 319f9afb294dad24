"""The number that answers a question, of every map: read from the records of its scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from torchesegeta.verdict.questions import Name, Record

CASCADE, SENSITIVITY, CHANCE, GAP = "cascading_randomisation", "sensitivity", "chance", "completeness_gap"
FAITHFULNESS = {"deletion": -1.0, "insertion": 1.0}
"""Metrics that are compared with chance, and whether more of them is better."""

SIMILARITY = "spearman_inside"
"""Of the similarities the one that knows signs and is not fooled by empty surroundings."""


@dataclass(frozen=True)
class Place:
    """A map: whose verdict it counts for, and where it lies."""

    label: str
    layer: str | None
    image: str
    target: str | None


def place_of(record: Record) -> Place:
    """The map that a record of it, or of a score of it, belongs to."""
    return Place(str(record["label"]), record.get("layer"), str(record["image"]), record.get("target"))


def numbers(scores: Sequence[Record], maps: Iterable[Record] = ()) -> Iterator[tuple[Name, Place, float]]:
    """(question, map, number) for whatever is there; scores without a value answer nothing.

    Completeness is asked of methods only that report a gap with their maps, for others promise nothing.

    Args:
        scores: Lines of scores, as in a manifest.
        maps: Lines of maps.
    """
    whole = [score for score in scores if _is_number(score.get("value"))]
    for score in whole:
        if score.get("metric_name") == CASCADE and _cascades(score) and (left := _left(score)) is not None:
            yield "weights", place_of(score), left
        elif score.get("metric_name") == SENSITIVITY:
            yield "stable", place_of(score), float(score["value"])
    for place, lead in _leads(whole).items():
        yield "faithful", place, lead
    for record in maps:
        if is_complete(record):
            yield "complete", place_of(record), float(record["measures"][GAP])


def is_complete(record: Record) -> bool:
    """Whether a record is that of a map whose method reports a completeness gap with it."""
    return record.get("record", "map") == "map" and _is_number((record.get("measures") or {}).get(GAP))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _cascades(score: Record) -> bool:
    """Whether all weights are random at the end."""
    return bool((score.get("parameters") or {}).get("order", "cascading") != "independent")


def _left(score: Record) -> float | None:
    """The similarity at the end of the cascade; at the last step where it can be told, for an even map has no ranks."""
    curve = (score.get("curves") or {}).get(SIMILARITY, ())
    known = [float(value) for value in curve[1:] if _is_number(value)]
    return known[-1] if known else None


def _leads(scores: Sequence[Record]) -> dict[Place, float]:
    """How far each map is ahead of random ones: the mean over the metrics that say it."""
    chance = {(place_of(s), _followed(s)): float(s["value"]) for s in scores if s.get("metric_name") == CHANCE}
    found: dict[Place, list[float]] = {}
    for score in scores:
        name = str(score.get("metric_name"))
        place, sign = place_of(score), FAITHFULNESS.get(name)
        random = chance.get((place, _key(name, score.get("parameters") or {})))
        if sign is not None and random is not None:
            found.setdefault(place, []).append(sign * (float(score["value"]) - random))
    return {place: sum(leads) / len(leads) for place, leads in found.items()}


def _followed(score: Record) -> str:
    """The metric, with its parameters, whose chance a score tells."""
    of: Mapping[str, Any] = (score.get("parameters") or {}).get("metric") or {}
    return _key(str(of.get("name")), of)


def _key(name: str, parameters: Mapping[str, Any]) -> str:
    return repr((name, sorted((key, repr(value)) for key, value in parameters.items() if key != "name")))
