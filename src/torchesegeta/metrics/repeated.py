"""Metrics that explain again: one job per sweep and step, for all methods and metrics together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.jobs import Task, group
from torchesegeta.metrics.base import Case, Reading, RepeatMetric, summed
from torchesegeta.metrics.outcomes import Outcome, attempt
from torchesegeta.precise import run_precisely
from torchesegeta.sweeps import Progress, Session, Variation
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.types import Attribution


@dataclass(eq=False)
class _Open:
    """A reading under way, of one metric and one case.

    Attributes:
        case: The map.
        reading: What the metric makes of it.
        error: Set once it failed.
    """

    case: Case
    reading: Reading
    error: Exception | None = None


def repeat(
    variation: Variation,
    metrics: Sequence[RepeatMetric],
    session: Session,
    cases: Sequence[Case],
    progress: Progress | None,
    deadline: float | None,
) -> list[list[Outcome]]:
    """What each metric finds of each case.

    Args:
        variation: Where all of them explain again.
        metrics: The metrics.
        session: The image before a ready model.
        cases: The maps.
        progress: Called after each step with the steps done and the steps in all.
        deadline: When to stop, by `time.monotonic`.
    """
    opened = [[_open(metric, case) for case in cases] for metric in metrics]
    alive = [one for row in opened for one in row if isinstance(one, _Open)]
    try:
        _walk(variation, session, alive, progress, deadline)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        for one in alive:
            one.error = one.error or error
    return [[_outcome(one) for one in row] for row in opened]


def _open(metric: RepeatMetric, case: Case) -> _Open | Exception:
    try:
        return _Open(case, metric.reading(case))
    except Exception as error:
        return error


def _outcome(one: _Open | Exception) -> Outcome:
    if isinstance(one, Exception):
        return one
    return attempt(one.reading.measurement) if one.error is None else one.error


def _walk(
    variation: Variation, session: Session, opened: Sequence[_Open], progress: Progress | None, deadline: float | None
) -> None:
    count = variation.count(session)
    for number, (step, other) in enumerate(variation.sessions(session)):
        alive = [one for one in opened if one.error is None]
        if not alive:
            return
        _step(step, other, alive, deadline)
        if progress is not None:
            progress(number + 1, count)
        if deadline is not None and time.monotonic() >= deadline and number + 1 < count:
            for one in alive:
                one.error = one.error or TimeoutError(f"the deadline came after {number + 1} of {count} steps")


def _step(step: str, session: Session, opened: Sequence[_Open], deadline: float | None) -> None:
    """Explain once more, and hand every reading its map."""
    waiting: dict[tuple[str | None, ...], list[_Open]] = {}
    for one in opened:
        waiting.setdefault(_key(one.case.attribution), []).append(one)
    image = session.data.cpu()
    for result in _maps(session, opened, deadline):
        for one in waiting.pop(_key(result), ()):
            _hand(one, step, image, result)
    for one in (one for rest in waiting.values() for one in rest):
        one.error = IncompatibleError(f"{step}: there is no such map")


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
