"""Runs a job: its sweeps one after the other; what fails costs its own maps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.jobs.job import Job, Task
from torchesegeta.jobs.results import Finish, all_failed, attribution, without_map
from torchesegeta.methods import Context
from torchesegeta.sweeps import (
    NEEDS_LAYER,
    NEEDS_SCORE,
    SEEDED,
    PrecisionError,
    Progress,
    Reader,
    Readout,
    Request,
    Seed,
    Session,
    Sweep,
    run_sweep,
)
from torchesegeta.sweeps.base import Continued
from torchesegeta.sweeps.capture import check_layers
from torchesegeta.sweeps.hooks import Hooks
from torchesegeta.sweeps.memory import PeakMemory
from torchesegeta.types import Attribution

log = logging.getLogger(__name__)

AT_PATCH_SIZE = (
    "of the size of a patch, which is what the model takes; colours and range are those of the patch that varies most"
)


def run_job(
    job: Job, session: Session, progress: Progress | None = None, *, within: float | None = None, retries: int = 0
) -> Iterator[Attribution]:
    """Run a job.

    What fails costs its own maps: a readout that raises, a layer that is not there, a target that is not predicted.
    Should the sweep itself fail with several tasks, it is tried again with half of them each; where the target is to
    blame, with those that read no target.

    Args:
        job: What to run.
        session: The image before a ready model.
        progress: Hears how it goes.
        within: Seconds it may take, where its tasks may take longer.
        retries: How often it was tried before, with others.

    Yields:
        An attribution for every task, place and target, also for those without a map.

    Raises:
        ModelError: The model cannot run the image itself, or not in this precision.
        ConfigError: The target names a class that does not exist.
    """
    if session.tiling is None or not job.at_patch_size:
        yield from _tried(job, session, progress, within, retries)
        return
    for picture in _tried(job, session.liveliest, progress, within, retries):
        picture.warnings = (AT_PATCH_SIZE, *picture.warnings)
        yield picture


def _tried(
    job: Job, session: Session, progress: Progress | None, within: float | None, retries: int
) -> Iterator[Attribution]:
    """The same, of all tasks together or of half of them each."""
    try:
        yield from _Running(job, session, retries).run(progress, within)
    except EsegetaError as error:
        hopeless = not session.is_bound and not isinstance(error, IncompatibleError)
        if hopeless or isinstance(error, PrecisionError):
            raise
        scored = tuple(task for task in job.tasks if task.reads_score)
        others = tuple(task for task in job.tasks if task not in scored)
        yield from all_failed(replace(job, tasks=scored or others), session, error)
        if scored and others:
            yield from _tried(replace(job, tasks=others), session, progress, within, retries)
    except Exception as error:
        if len(job.tasks) == 1:
            label = job.tasks[0].label
            log.exception("%s failed", label, extra={"method": label})
            for failed in all_failed(job, session, error):
                failed.retries = retries
                yield failed
            return
        middle = len(job.tasks) // 2
        log.warning("a sweep for %d methods failed (%s); trying halves", len(job.tasks), error)
        for half in (job.tasks[:middle], job.tasks[middle:]):
            if progress is not None:
                progress(0, 1)
            yield from _tried(replace(job, tasks=half), session, progress, within, retries + 1)


@dataclass
class _Running:
    """A job under way."""

    job: Job
    session: Session
    retries: int = 0
    baseline_scores: Tensor | None = None
    baseline_moves: Tensor | None = None
    baseline: Tensor | None = None
    opened: dict[tuple[str, str | None, int | None], Reader] = field(default_factory=dict)
    seeds: dict[tuple[str, str], Seed] = field(default_factory=dict)

    def run(self, progress: Progress | None, within: float | None) -> Iterator[Attribution]:
        session, job = self.session, self.job
        before, started = session.runner.passes.copy(), time.perf_counter()
        deadline = job.deadline(within)
        hooks = Hooks(session.runner.model)
        with PeakMemory(session.runner.device) as memory:
            self.baseline = job.sweep.baseline(session.data, session.key)
            rule = job.sweep.rule
            told = rule is not None and rule.needs_baseline  # by the sweep itself, on the way
            by_patch = session.tiling is not None and bool(job.sweep.layers)  # each has a score of its own there
            if job.sweep.needs_ends and not told and not by_patch:
                self._score_ends(job.sweep)
            failed: dict[tuple[str, str | None], Exception | None] = {}
            for number, sweep in enumerate(job.sweeps):
                failed = self._sweep(number, sweep, failed, progress, deadline)
            if job.sweep.needs_ends and told:
                self._score_ends(job.sweep)
        if left := hooks.put_back():
            raise RuntimeError(f"hooks were left behind on {', '.join(left)}, which changes what comes after")
        passes, seconds = session.runner.passes.since(before), time.perf_counter() - started
        for task, place in [(t, place) for t in job.tasks for place in t.places]:
            for result in self._results(task, place, failed[task.label, place]):
                result.seconds = seconds
                result.passes = passes
                result.peak_memory = memory.peak
                result.retries = self.retries
                yield result
        if left := hooks.put_back():
            log.warning("hooks that were left behind on %s are removed", ", ".join(left))

    def _score_ends(self, sweep: Sweep) -> None:
        """The mean score at the baselines, and how far it moves under a trace of noise where it may at all."""
        session = self.session
        scores = torch.stack([session.score(end) for end in sweep.ends(session.data, session.key)])
        self.baseline_scores = scores.mean(0)
        if sweep.rule is not None and sweep.rule.amplifies(self._matched):
            nudged = [session.score(end) for end in sweep.nudged(session.data, session.key)]
            self.baseline_moves = (torch.stack(nudged) - scores).abs().mean(0)

    @property
    def _matched(self) -> set[str]:
        """Names of the operations that the sweep's rule took over."""
        return {name for reader in self.opened.values() for name in reader.matched}

    def _sweep(
        self,
        number: int,
        sweep: Sweep,
        failed: dict[tuple[str, str | None], Exception | None],
        progress: Progress | None,
        deadline: float | None,
    ) -> dict[tuple[str, str | None], Exception | None]:
        """Run one of the job's sweeps; what failed in an earlier one takes no part.

        Returns:
            For every task and place the error that ended it, or None.
        """
        requests = {(t.label, place): self._request(t, place, number) for t in self.job.tasks for place in t.places}
        for key, error in failed.items():
            requests[key].error = requests[key].error or error
        keys = {id(request): key for key, request in requests.items()}
        for reader in run_sweep(sweep, list(requests.values()), self.session, progress, deadline):
            place = (*keys[id(reader.request)], reader.target)
            earlier = self.opened.get(place)
            if earlier is not None:
                reader.error = earlier.error or reader.error
                reader.matched = earlier.matched | reader.matched
                reader.note = reader.note or earlier.note
                reader.blended = reader.blended or earlier.blended
                reader.readout = earlier.readout
            self.opened[place] = reader
        return {key: request.error for key, request in requests.items()}

    def _request(self, task: Task, place: str | None, number: int) -> Request:
        def open_readout(target: int | None) -> Readout:
            earlier = self.opened.get((task.label, place, target))
            if earlier is not None:
                return Continued(earlier.readout)
            return task.method.readout(self._context(place, target))

        reads = task.method.reads_of(number, place)
        seed = self._seed(task, place) if reads & SEEDED else None

        def open_piece(target: int | None, cut: Callable[[Tensor], Tensor], change: float | None = None) -> Readout:
            context = self._context(place, target, cut)
            return task.method.readout(context if change is None else replace(context, score_change=change))

        layer, additive = place if reads & NEEDS_LAYER else None, task.method.additive
        request = Request(reads, layer, open_readout, seed, open_piece, additive)
        try:
            check_layers(self.session.runner.model, [*filter(None, [place]), *([] if seed is None else [seed.layer])])
            several = len(self.job.sweeps) > 1 and not task.method.joins
            if self.session.tiling is not None and place is not None and several:
                raise IncompatibleError(
                    f"{task.method.name} reads layer {place!r} in several sweeps, and each patch has its own: give an "
                    "image that the model takes as a whole"
                )
        except IncompatibleError as error:
            request.error = error
        return request

    def _seed(self, task: Task, place: str | None) -> Seed | None:
        """The seed of a task's place; places that start from the same layer share it."""
        layer = task.method.seed_layer(place)
        if layer is None:
            return None
        return self.seeds.setdefault((task.label, layer), Seed(layer, task.method.seeds, task.method.seeds_shares))

    def _context(self, place: str | None, target: int | None, cut: Callable[[Tensor], Tensor] | None = None) -> Context:
        """What a readout knows of its place, or of a part of the image."""
        change = None
        if self.baseline_scores is not None and target is not None:
            change = float(self.session.scores[target] - self.baseline_scores[target])
        noise = float(self.baseline_moves[target]) / abs(change) if self.baseline_moves is not None and change else None
        score = None if target is None else float(self.session.scores[target])
        image, baseline = self.session.data, self.baseline
        if cut is not None:
            image, baseline = cut(image), None if baseline is None else cut(baseline)
        return Context(image, place, baseline, change, noise, score)

    def _results(self, task: Task, place: str | None, error: Exception | None) -> Iterator[Attribution]:
        if error is not None:
            yield from without_map(task, place, self.session, error)
            return
        for (label, at, _), reader in self.opened.items():
            if (label, at) == (task.label, place):
                yield from Finish(task, place, self.session, partial(self._context, place)).of(reader)
        if task.method.reads_at(place) & NEEDS_SCORE:
            for name, reason in self.session.bound.incompatible.items():
                target = self.session.bound.names.index(name)
                yield attribution(task, place, target, self.session, status="incompatible", reason=reason)
