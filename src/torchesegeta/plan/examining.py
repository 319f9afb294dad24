"""What judging the maps of an image will take: metrics are tried on maps of noise, for a moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from torchesegeta.errors import EsegetaError
from torchesegeta.jobs import Job, Task
from torchesegeta.metrics.base import MapMetric, RepeatMetric, summed
from torchesegeta.metrics.cases import case_of
from torchesegeta.metrics.entries import Examination, group_metrics, parse_metrics
from torchesegeta.metrics.running import examine
from torchesegeta.plan.made_up import made_up, noise
from torchesegeta.plan.plan import Plan
from torchesegeta.plan.trial import Beginning, Enough, silent
from torchesegeta.types import Attribution

LONG = 30.0
"""Seconds of a pass beyond which nothing is tried."""


def examination_seconds(plan: Plan, jobs: Sequence[tuple[Job, float]]) -> list[float]:
    """Seconds of each of a plan's examinations, for the first image.

    Args:
        plan: The plan.
        jobs: Its jobs, each with its seconds.
    """
    if not plan.examinations:
        return []
    trials = _Trials(plan, jobs)
    with silent():
        pairs = zip(plan.examinations, plan.score_passes, strict=True)
        return [trials.seconds(one, plan.judged(one), passes) for one, passes in pairs]


class _Trials:
    """Examinations tried one after the other."""

    def __init__(self, plan: Plan, jobs: Sequence[tuple[Job, float]]) -> None:
        self.plan, self.jobs, self.values = plan, jobs, noise(plan)
        self.a_pass = min((seconds / max(1, _count(plan, job)) for job, seconds in jobs), default=0.0)

    def seconds(self, examination: Examination, labels: Sequence[str], passes: int) -> float:
        """Of one examination, of the maps of some methods; so many passes are planned."""
        tasks = [task for job in self.plan.jobs for task in job.tasks if task.label in labels]
        maps = list(made_up(self.plan, tasks, self.values))
        if not maps:
            return 0.0
        first = examination.metrics[0].metric
        if isinstance(first, MapMetric):
            return len(maps) * self._tried(examination, maps[:1])
        if isinstance(first, RepeatMetric):
            return self._repeated(examination, tasks, maps)
        return passes * self.a_pass if self.a_pass > LONG else self._tried(examination, maps)

    def _tried(self, examination: Examination, maps: Sequence[Attribution]) -> float:
        """By the beginning of the examination, or all of it where that is short."""
        seen = Beginning(whole=True)
        try:
            list(examine(examination, self.plan.first, maps, seen.progress))
        except Enough:
            return seen.foreseen
        return time.perf_counter() - seen.begun

    def _repeated(self, examination: Examination, tasks: Sequence[Task], maps: Sequence[Attribution]) -> float:
        """Maps that are made again at every step, read, and judged by what is nested in a metric."""
        metrics = [wanted.metric for wanted in examination.metrics if isinstance(wanted.metric, RepeatMetric)]
        try:
            steps = len(metrics[0].variation().steps(self.plan.first)[0])
        except EsegetaError:
            return 0.0
        reading = sum(self._reading(metric, maps[0]) for metric in metrics) * len(maps)
        nested = sum(self._nested(metric, [task.label for task in tasks]) for metric in metrics)
        return steps * (self._again([task.label for task in tasks]) + reading + nested) + nested

    def _again(self, labels: Sequence[str]) -> float:
        """Making the maps of some methods again."""
        total = 0.0
        for job, seconds in self.jobs:
            wanted = replace(job, tasks=tuple(task for task in job.tasks if task.label in labels))
            if wanted.tasks:
                share = _count(self.plan, wanted) / max(1, _count(self.plan, job))
                total += seconds * share / (2 if self.plan.config.agreement and job.half_safe else 1)
        return total

    def _reading(self, metric: RepeatMetric, one: Attribution) -> float:
        """What a metric makes of a map that was made again."""
        begun = time.perf_counter()
        with suppress(Exception):  # it fails in the run too, and soon
            case = case_of(one, self.plan.first)
            metric.reading(case).update("", self.plan.first.data.cpu(), summed(one))
        return time.perf_counter() - begun

    def _nested(self, metric: RepeatMetric, labels: Sequence[str]) -> float:
        entries = metric.nested()
        found = group_metrics(parse_metrics(entries)) if entries else []
        return sum(self.seconds(one, labels, 0) for one in found)


def _count(plan: Plan, job: Job) -> int:
    return sum(plan.passes(job).values())
