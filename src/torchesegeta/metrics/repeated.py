"""Metrics that explain again: one job per sweep and step, for all methods and metrics together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.jobs import Task, group
from torchesegeta.metrics.base import Case, Reading, RepeatMetric, summed
from torchesegeta.metrics.entries import Examination, group_metrics, parse_metrics
from torchesegeta.metrics.outcomes import Outcome, attempt
from torchesegeta.precise import run_precisely
from torchesegeta.sweeps import Progress, Session, Variation
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.types import Attribution, Score

Examine = Callable[[Examination, Session, Sequence[Attribution]], Iterable[Score]]
"""Judges maps by metrics that share what they run."""


@dataclass(eq=False)
class _Open:
    """A reading under way, of one metric and one case.

    Attributes:
        case: The map.
        reading: What the metric makes of it.
        nested: Metrics that judge the map of every step too, grouped.
        error: Set once it failed.
        curves: What the nested metrics found, by name; NaN where they found nothing.
    """

    case: Case
    reading: Reading
    nested: Sequence[Examination] = ()
    error: Exception | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)


def _judge(judged: Sequence[tuple[_Open, Attribution]], session: Session, examine: Examine) -> None:
    """Let nested metrics judge maps: those of all methods together."""
    together: dict[int, list[tuple[_Open, Attribution]]] = {}
    for one, attribution in judged:
        together.setdefault(id(one.nested), []).append((one, attribution))
    for pairs in together.values():
        by_key = {_key(attribution): one for one, attribution in pairs}
        for examination in pairs[0][0].nested:
            for score in examine(examination, session, [attribution for _, attribution in pairs]):
                value = float("nan") if score.value is None else score.value
                key = (score.label, score.layer, score.target)
                by_key[key].curves.setdefault(score.metric, []).append(value)


def repeat(
    variation: Variation,
    metrics: Sequence[RepeatMetric],
    session: Session,
    cases: Sequence[Case],
    progress: Progress | None,
    deadline: float | None,
    examine: Examine,
) -> list[list[Outcome]]:
    """What each metric finds of each case.

    Args:
        variation: Where all of them explain again.
        metrics: The metrics.
        session: The image before a ready model.
        cases: The maps.
        progress: Called after each step with the steps done and the steps in all.
        deadline: When to stop, by `time.monotonic`.
        examine: Runs what is nested in a metric.
    """
    opened = [_opened(metric, cases) for metric in metrics]
    alive = [one for row in opened for one in row if isinstance(one, _Open)]
    try:
        _judge([(one, one.case.attribution) for one in alive if one.nested], session, examine)
        _walk(variation, session, alive, progress, deadline, examine)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        for one in alive:
            one.error = one.error or error
    return [[_outcome(one) for one in row] for row in opened]


def _opened(metric: RepeatMetric, cases: Sequence[Case]) -> list[_Open | Exception]:
    entries = metric.nested()
    nested = group_metrics(parse_metrics(entries)) if entries else []
    return [_open(metric, case, nested) for case in cases]


def _open(metric: RepeatMetric, case: Case, nested: Sequence[Examination]) -> _Open | Exception:
    try:
        metric.check(case)
        return _Open(case, metric.reading(case), nested)
    except Exception as error:
        return error


def _outcome(one: _Open | Exception) -> Outcome:
    if isinstance(one, Exception):
        return one
    found = attempt(one.reading.measurement) if one.error is None else one.error
    return found if isinstance(found, Exception) else replace(found, curves={**found.curves, **one.curves})


def _walk(
    variation: Variation,
    session: Session,
    opened: Sequence[_Open],
    progress: Progress | None,
    deadline: float | None,
    examine: Examine,
) -> None:
    steps, sessions = variation.steps(session)
    count = len(steps)
    for number, (step, other) in enumerate(zip(steps, sessions, strict=False)):
        alive = [one for one in opened if one.error is None]
        if not alive:
            return
        _step(step, other, alive, deadline, examine)
        if progress is not None:
            progress(number + 1, count)
        if deadline is not None and time.monotonic() >= deadline and number + 1 < count:
            for one in alive:
                one.error = one.error or TimeoutError(f"the deadline came after {number + 1} of {count} steps")


def _step(step: str, session: Session, opened: Sequence[_Open], deadline: float | None, examine: Examine) -> None:
    """Explain once more, and hand every reading its map."""
    waiting: dict[tuple[str | None, ...], list[_Open]] = {}
    for one in opened:
        waiting.setdefault(_key(one.case.attribution), []).append(one)
    image, judged = session.data.cpu(), []
    for result in _maps(session, opened, deadline):
        for one in waiting.pop(_key(result), ()):
            _hand(one, step, image, result)
            if one.nested:
                judged.append((one, result))
    for one in (one for rest in waiting.values() for one in rest):
        one.error = IncompatibleError(f"{step}: there is no such map")
    _judge(judged, session, examine)


def _hand(one: _Open, step: str, image: Tensor, result: Attribution) -> None:
    if result.status in ("timeout", "partial"):
        one.error = TimeoutError(f"{step}: {result.reason}")
    elif result.values is None:
        kind = IncompatibleError if result.status == "incompatible" else ArithmeticError
        one.error = kind(f"{step}: {result.reason}")
    else:
        try:
            one.reading.update(step, image, summed(result))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            one.error = error


def _maps(session: Session, opened: Sequence[_Open], deadline: float | None) -> Iterator[Attribution]:
    """The maps of all methods that are still wanted, a job for each sweep."""
    tasks: dict[str, Task] = {}
    for one in opened:
        label, place = one.case.attribution.label, one.case.attribution.layer
        task = tasks.setdefault(label, Task(label, one.case.method, ()))
        tasks[label] = replace(task, places=tuple(dict.fromkeys((*task.places, place))))
    for job in group(list(tasks.values())):
        within = None if deadline is None else max(0.0, deadline - time.monotonic())
        yield from run_precisely(job, session, within=within)


def _key(attribution: Attribution) -> tuple[str | None, ...]:
    return (attribution.label, attribution.layer, attribution.target)
