"""Examinations run: each metric meets each map, and what fails costs its own scores only."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from math import isfinite

from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.jobs import deadline_within, reason_of, status_of
from torchesegeta.metrics.base import Case, MapMetric, Measurement, Metric, RepeatMetric, ScoreMetric
from torchesegeta.metrics.cases import case_of
from torchesegeta.metrics.entries import Examination, WantedMetric
from torchesegeta.metrics.outcomes import Outcome, attempt
from torchesegeta.metrics.repeated import repeat
from torchesegeta.metrics.scored import score
from torchesegeta.sweeps import Progress, Session
from torchesegeta.types import Attribution, Score

log = logging.getLogger(__name__)


def examine(
    examination: Examination,
    session: Session,
    maps: Sequence[Attribution],
    progress: Progress | None = None,
    *,
    within: float | None = None,
) -> Iterator[Score]:
    """Judge maps of one image by metrics that share what they run.

    Args:
        examination: The metrics.
        session: The image before a ready model, its target bound as it was for the maps.
        maps: Of that image. What has no map has no value, for the same reason.
        progress: Hears how it goes.
        within: Seconds it may take, where its metrics may take longer.

    Yields:
        A score for every metric and map, also for those without a value.
    """
    before, started = session.runner.passes.copy(), time.perf_counter()
    deadline = deadline_within(examination.timeout_s, within)
    cases: list[Case] = []
    scores: list[Score] = []
    for one in (one for one in maps if examination.judges(one.label)):
        found = _case(one, session)
        if isinstance(found, Case):
            cases.append(found)
        else:
            scores += [_filled(wanted, one, found, session) for wanted in examination.metrics]
    for wanted, outcomes in _attempted(examination, session, cases, progress, deadline):
        scores += [_filled(wanted, case.attribution, o, session, case) for case, o in zip(cases, outcomes, strict=True)]
    passes, seconds = session.runner.passes.since(before), time.perf_counter() - started
    for result in scores:
        result.passes, result.seconds = passes, seconds
        yield result


def _case(attribution: Attribution, session: Session) -> Case | Exception:
    if attribution.values is None:
        return IncompatibleError("there is no map")
    try:
        return case_of(attribution, session)
    except EsegetaError as error:
        return error


def _attempted(
    examination: Examination,
    session: Session,
    cases: Sequence[Case],
    progress: Progress | None,
    deadline: float | None,
) -> list[tuple[WantedMetric, Sequence[Outcome]]]:
    """For every metric what came of each case; what fails as a whole, for want of memory, fails for all."""
    try:
        return list(_outcomes(examination, session, cases, progress, deadline))
    except Exception as error:
        return [(wanted, [error] * len(cases)) for wanted in examination.metrics]


def _outcomes(
    examination: Examination,
    session: Session,
    cases: Sequence[Case],
    progress: Progress | None,
    deadline: float | None,
) -> Iterator[tuple[WantedMetric, Sequence[Outcome]]]:
    """For every metric what came of each case."""
    first = examination.metrics[0].metric
    if isinstance(first, RepeatMetric):
        variation, readers = first.variation(), [w.metric for w in examination.metrics]
        repeated = [m for m in readers if isinstance(m, RepeatMetric)]
        yield from zip(
            examination.metrics, repeat(variation, repeated, session, cases, progress, deadline, examine), strict=True
        )
        return
    for wanted in examination.metrics:
        metric = wanted.metric
        if isinstance(metric, ScoreMetric):
            yield wanted, score(metric, session, cases, progress, deadline)
        elif isinstance(metric, MapMetric):
            yield wanted, [_measured(metric, case) for case in cases]


def _measured(metric: MapMetric, case: Case) -> Outcome:
    if metric.needs_label and case.image.label is None:
        return IncompatibleError(f"{metric.name!r} needs a label, and {case.image.name!r} has none")
    return attempt(lambda: _measurement(metric, case))


def _measurement(metric: MapMetric, case: Case) -> Measurement:
    metric.check(case)
    return metric.measure(case)


def _filled(
    wanted: WantedMetric, attribution: Attribution, outcome: Outcome, session: Session, case: Case | None = None
) -> Score:
    result = Score(
        method=attribution.method,
        label=attribution.label,
        target=attribution.target,
        target_index=attribution.target_index,
        layer=attribution.layer,
        image=attribution.image,
        metric=wanted.label,
        metric_name=wanted.metric.name,
        parameters=wanted.metric.parameters(),
    )
    if attribution.values is None:
        result.status, result.reason = attribution.status, f"there is no map: {attribution.reason}"
    elif isinstance(outcome, Exception):
        result.status, result.reason = status_of(outcome), reason_of(outcome, session)
        if not isinstance(outcome, EsegetaError | TimeoutError):
            log.error("%s of %s failed", wanted.label, attribution.label, exc_info=outcome)
    else:
        _fill(result, outcome, _notes(wanted.metric, attribution, case))
    return result


def _fill(result: Score, found: Measurement, notes: Sequence[str]) -> None:
    if not isfinite(found.value):
        result.status, result.reason = "failed", f"the value is {found.value}"
        return
    lost = [f"{name} is {value}: it cannot be told" for name, value in found.measures.items() if not isfinite(value)]
    result.value = found.value
    result.measures = {name: value for name, value in found.measures.items() if isfinite(value)}
    result.steps, result.curves, result.arrays = found.steps, found.curves, found.arrays
    result.warnings = (*notes, *found.warnings, *lost)


def _notes(metric: Metric, attribution: Attribution, case: Case | None) -> list[str]:
    notes = []
    if case is not None and metric.on_image and case.resized:
        grid = "×".join(map(str, case.values.shape[1:]))
        notes.append(f"the layer's map is summed over its channels and interpolated from {grid} voxels to the image's")
    if attribution.status == "partial":
        notes.append(f"the map is partial: {attribution.reason}")
    return notes
