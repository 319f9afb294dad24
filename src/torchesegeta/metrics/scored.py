"""Metrics that read scores at changed images: one sweep for all maps."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.metrics.base import Case, ScoreMetric, ScoreReading
from torchesegeta.metrics.outcomes import Outcome, attempt
from torchesegeta.sweeps import Changed, Progress, Read, Request, Sample, Series, Session, run_sweep
from torchesegeta.sweeps.chunks import is_out_of_memory


@dataclass(eq=False)
class _Readout:
    """A metric's reading as the readout of a sweep; it wants the points of its own series."""

    reading: ScoreReading
    count: int
    seen: int = 0

    @property
    def done(self) -> bool:
        """Whether it has all of them."""
        return self.seen >= self.count

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.reading.update(sample)
        self.seen += len(sample.indices)

    def finish(self) -> Tensor:
        """The value, as a tensor."""
        return torch.tensor(self.reading.measurement().value)


@dataclass
class _Plan:
    """The series of a metric, and who reads them."""

    metric: ScoreMetric
    session: Session
    series: dict[Hashable, tuple[int, Series]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    readings: dict[Request, tuple[int, ScoreReading]] = field(default_factory=dict)

    def add(self, number: int, case: Case) -> None:
        """Take in a case.

        Raises:
            IncompatibleError: It has no target, or none with a score.
        """
        if case.target is None:
            raise IncompatibleError("the map explains no target, so there is no score to compare it with")
        lost = self.session.bound.incompatible.get(self.session.bound.names[case.target])
        if lost is not None:
            raise IncompatibleError(lost)
        self.metric.check(case)
        change = self.metric.change(case)
        key: Hashable = (change, number) if self.metric.guided else change
        guide = case.on_image if self.metric.guided else None
        which, _ = self.series.setdefault(key, (len(self.series), Series(change, guide)))
        reading = self.metric.reading(case)
        readout = _Readout(reading, change.count(self.session.data))
        request = Request(self.metric.reads | Read.SCORE, None, lambda _: readout)
        request.series, request.targets = which, frozenset({case.target})
        self.requests.append(request)
        self.readings[request] = number, reading

    def run(self, progress: Progress | None, deadline: float | None) -> dict[int, Outcome]:
        """Run the series, and ask every reading for what it found."""
        sweep = Changed(tuple(one for _, one in self.series.values()))
        try:
            readers = run_sweep(sweep, self.requests, self.session, progress, deadline)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            return {number: error for number, _ in self.readings.values()}
        found: dict[int, Outcome] = {}
        for reader in readers:
            number, reading = self.readings[reader.request]
            lost = reader.error or reader.request.error
            found[number] = attempt(reading.measurement) if lost is None else lost
        return found


def score(
    metric: ScoreMetric, session: Session, cases: Sequence[Case], progress: Progress | None, deadline: float | None
) -> list[Outcome]:
    """What a metric finds of each case; equal changes are run once, and all share their batches."""
    try:
        plan = _Plan(metric, metric.before(session))
    except IncompatibleError as error:
        return [error] * len(cases)
    found: dict[int, Outcome] = {}
    for number, case in enumerate(cases):
        try:
            plan.add(number, case)
        except Exception as error:
            found[number] = error
    if plan.requests:
        found |= plan.run(progress, deadline)
    return [found[number] for number in range(len(cases))]
