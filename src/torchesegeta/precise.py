"""Jobs in less than float32: what that cannot hold is done again, and compared where asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

from torch import Tensor, equal

from torchesegeta.errors import IncompatibleError
from torchesegeta.jobs import OUT_OF_MEMORY, Job, run_job
from torchesegeta.sweeps import Progress, Session
from torchesegeta.types import Attribution

log = logging.getLogger(__name__)

AGREEMENT = "agreement_with_float32"
"""Name of the measure: Spearman's ρ over all values of a map."""


def run_precisely(
    job: Job,
    session: Session,
    progress: Progress | None = None,
    *,
    agreement: bool = False,
    within: float | None = None,
    retries: int = 0,
) -> Iterator[Attribution]:
    """Run a job in the precision that the session's runner is in.

    A sweep whose rule is not safe in half precision runs in float32. Tasks with a map that failed, because something
    was NaN or infinite or for another reason, are run again in float32, and their maps say why.

    Args:
        job: What to run.
        session: The image before a ready model.
        progress: As of `run_job`.
        agreement: Run everything in float32 too, and measure how well the maps agree.
        within: Seconds that all of it may take, where its tasks may take longer.
        retries: As of `run_job`.

    Yields:
        As `run_job`, task by task.

    Raises:
        PrecisionError: The model cannot run in this precision.
        ModelError: As `run_job`.
        ConfigError: As `run_job`.
    """
    runner = session.runner
    if runner.precision == "float32":
        yield from run_job(job, session, progress, within=within, retries=retries)
    elif not job.half_safe:
        with runner.at("float32"):
            yield from run_job(job, session, progress, within=within, retries=retries)
    else:
        yield from _Half(job, session, progress, agreement, within, retries).run()


class _Half:
    """A job under way."""

    def __init__(
        self,
        job: Job,
        session: Session,
        progress: Progress | None,
        agreement: bool,
        within: float | None,
        retries: int,
    ) -> None:
        self.job, self.session, self.progress, self.agreement = job, session, progress, agreement
        self.precision, self.retries = session.runner.precision, retries
        self.deadline = job.deadline(within)
        self.held: dict[str, list[Attribution]] = {}

    def run(self) -> Iterator[Attribution]:
        if any(task.reads_score for task in self.job.tasks):
            with suppress(IncompatibleError):  # which the job meets again, and says with its maps
                _ = self.session.bound  # before a pass whose weights it would convert
        for label, group in self._tasks(self.job, 0):
            maps = list(group)
            if self.agreement or self._any_lost(maps):
                self.held[label] = maps
            else:
                yield from maps
        yield from self._in_float32()

    def _any_lost(self, maps: Sequence[Attribution]) -> bool:
        return any(map(self._is_lost, maps))

    def _is_lost(self, one: Attribution) -> bool:
        """Whether float32 may do better: rules refuse outputs that rounding has moved, all else refuses alike."""
        if one.status == "incompatible":
            return any(sweep.rule is not None for sweep in self.job.sweeps)
        return one.status == "failed" and not (one.reason or "").startswith(OUT_OF_MEMORY)

    def _in_float32(self) -> Iterator[Attribution]:
        tasks = tuple(task for task in self.job.tasks if task.label in self.held)
        if not tasks:
            return
        with self.session.runner.at("float32"):
            for label, group in self._tasks(replace(self.job, tasks=tasks), 1):
                maps, before = list(group), self.held[label]
                if self._any_lost(before):
                    yield from (self._warned(one, before) for one in maps)
                else:
                    yield from (_compared(one, maps) for one in before)

    def _share(self, run: int) -> Progress | None:
        """The progress of the first or second run; without agreement there is mostly one."""
        progress = self.progress
        if progress is None or not self.agreement:
            return progress
        return lambda done, total: progress(run * total + done, 2 * total)

    def _tasks(self, job: Job, run: int) -> Iterator[tuple[str, Iterator[Attribution]]]:
        """The maps of the first or second run, task by task; the second has the time that the first left."""
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        maps = run_job(job, self.session, self._share(run), within=left, retries=self.retries)
        return groupby(maps, key=lambda m: m.label)

    def _warned(self, one: Attribution, before: Sequence[Attribution]) -> Attribution:
        """A map in float32, with what came of it in half precision."""
        failed = [m for m in before if self._is_lost(m) and m.layer == one.layer and m.target in (None, one.target)]
        reason = next((m.reason for m in failed), None)
        if reason is not None and one.has_map:
            text = f"done again in float32; in {self.precision}: {reason}"
            log.warning("%s: %s", one.label, text)
            one.warnings = (text, *one.warnings)
        return one


def _compared(one: Attribution, others: Sequence[Attribution]) -> Attribution:
    """A map with its agreement with the same in float32."""
    other = next((m for m in others if m.key == one.key), None)
    if one.values is None:
        return one
    if other is None or other.values is None or other.values.shape != one.values.shape:
        one.warnings = (*one.warnings, f"{AGREEMENT} is not known: there is no such map in float32")
    else:
        one.measures[AGREEMENT] = rank_correlation(one.values, other.values)
    return one


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's ρ of two arrays of one shape; 1 for equal ones, NaN where only one of them is constant."""
    from scipy.stats import spearmanr  # late: it takes a while

    if equal(a, b):
        return 1.0
    if a.min() == a.max() or b.min() == b.max():
        return float("nan")
    return float(spearmanr(a.flatten().numpy(), b.flatten().numpy()).statistic)
