"""A job: one sweep of one image, with all methods that read it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from torchesegeta.arrays import count_not_finite
from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.methods import Context, Method
from torchesegeta.sweeps import (
    NEEDS_LAYER,
    NEEDS_SCORE,
    SEEDED,
    Gather,
    Measured,
    Part,
    PrecisionError,
    Progress,
    Read,
    Reader,
    Readout,
    Request,
    Seed,
    Session,
    Several,
    Sweep,
    run_sweep,
)
from torchesegeta.sweeps.base import Continued
from torchesegeta.sweeps.capture import check_layers
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.hooks import Hooks
from torchesegeta.sweeps.memory import PeakMemory
from torchesegeta.sweeps.patch_counts import Reading
from torchesegeta.sweeps.remedies import remedy
from torchesegeta.types import Affine, Attribution, Image, Status, covering_affine, layer_affine

log = logging.getLogger(__name__)

OUT_OF_MEMORY = "out of memory"
"""How the reason begins of maps that memory ran out for."""
AT_PATCH_SIZE = (
    "of the size of a patch, which is what the model takes; colours and range are those of the patch that varies most"
)


@dataclass(frozen=True)
class Task:
    """A method as a run asks for it.

    Attributes:
        label: Its name in the run.
        method: The method and its parameters.
        places: Layers, or None for the image.
        timeout_s: Seconds it may take for an image; None: any time.
    """

    label: str
    method: Method
    places: tuple[str | None, ...]
    timeout_s: float | None = None

    @property
    def reads_score(self) -> bool:
        """Whether one of its maps needs the target."""
        return any(self.method.reads_at(place) & NEEDS_SCORE for place in self.places)


@dataclass(frozen=True)
class Job:
    """One sweep, and the tasks that read it.

    Attributes:
        sweep: What they read.
        tasks: Who reads it.
        further: Sweeps that the same tasks read after it.
    """

    sweep: Sweep
    tasks: tuple[Task, ...]
    further: tuple[Sweep, ...] = ()

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """All of them, in order."""
        return (self.sweep, *self.further)

    @property
    def half_safe(self) -> bool:
        """Whether all of them may run in half precision."""
        return all(sweep.half_safe for sweep in self.sweeps)

    @property
    def at_patch_size(self) -> bool:
        """Whether its pictures of layers are made at the size of a patch, of images that are run patch by patch.

        They show the model, and this is what it takes; what is gathered of images cannot be shown so.
        """
        gathers = any(isinstance(sweep, Gather) for sweep in self.sweeps)
        return not gathers and all(t.method.of_model and None not in t.places for t in self.tasks)

    @property
    def timeout_s(self) -> float | None:
        """Seconds that its tasks may take; they have the same."""
        return self.tasks[0].timeout_s

    def deadline(self, within: float | None) -> float | None:
        """When it must end if it starts now, by `time.monotonic`; None: at any time.

        Args:
            within: Seconds it may take, where its tasks may take longer.
        """
        return deadline_within(self.timeout_s, within)

    def passes(self, targets: int, counts: Sequence[int]) -> dict[str, int]:
        """Forward and backward passes, as planned.

        Args:
            targets: Number of scores.
            counts: Number of points of each sweep.
        """
        total = {"forward": 0, "backward": 0}
        for number, points in enumerate(counts):
            for kind, count in self.passes_of(number, targets, points).items():
                total[kind] += count
        return total

    def passes_of(self, number: int, targets: int, points: int) -> dict[str, int]:
        """Those of one of its sweeps, with so many points."""
        reads = [task.method.reads_of(number, place) for task in self.tasks for place in task.places]
        found = self.sweeps[number].passes(targets, reads, points)
        return {**found, "backward": found["backward"] + points * self._seeded(number, targets)}

    def reading(self, number: int) -> Reading:
        """What is read of one of its sweeps, in short."""
        asked = [(task, place) for task in self.tasks for place in task.places]
        reads = [(place, task.method.reads_of(number, place)) for task, place in asked]
        return Reading.of(reads, shares=any(task.method.seeds_shares for task in self.tasks))

    def _seeded(self, sweep: int, targets: int) -> int:
        """Backward passes from seeds that a point of a sweep takes."""
        total = 0
        for task in self.tasks:
            reads = {place: task.method.reads_of(sweep, place) for place in task.places}
            layers = {task.method.seed_layer(place) for place, read in reads.items() if read & SEEDED}
            contrasted = any(Read.CONTRAST in read for read in reads.values())
            total += len(layers) * task.method.seed_count * (targets if contrasted else 1)
        return total


def deadline_within(*seconds: float | None) -> float | None:
    """When the shortest of some times is over, by `time.monotonic`; None is no limit."""
    limits = [limit for limit in seconds if limit is not None]
    return time.monotonic() + min(limits) if limits else None


def group(tasks: Sequence[Task]) -> list[Job]:
    """Tasks that ask for equal sweeps, and may take as long, share a job."""
    alike: dict[tuple[tuple[Sweep, ...], float | None], list[Task]] = {}
    for task in tasks:
        alike.setdefault((task.method.sweeps_over(task.places), task.timeout_s), []).append(task)
    return [Job(first, tuple(members), tuple(further)) for ((first, *further), _), members in alike.items()]


def jobs_for(jobs: Sequence[Job], *, first: bool) -> list[Job]:
    """The jobs of an image: those of methods that picture the model itself belong to the first one only."""
    if first:
        return list(jobs)
    kept = [replace(job, tasks=tuple(t for t in job.tasks if not t.method.of_model)) for job in jobs]
    return [job for job in kept if job.tasks]


def any_rule(methods: Iterable[Method]) -> bool:
    """Whether some method reads a sweep under a rule."""
    return any(sweep.rule is not None for method in methods for sweep in method.sweeps())


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
        yield from _all_failed(replace(job, tasks=scored or others), session, error)
        if scored and others:
            yield from _tried(replace(job, tasks=others), session, progress, within, retries)
    except Exception as error:
        if len(job.tasks) == 1:
            label = job.tasks[0].label
            log.exception("%s failed", label, extra={"method": label})
            for failed in _all_failed(job, session, error):
                failed.retries = retries
                yield failed
            return
        middle = len(job.tasks) // 2
        log.warning("a sweep for %d methods failed (%s); trying halves", len(job.tasks), error)
        for half in (job.tasks[:middle], job.tasks[middle:]):
            if progress is not None:
                progress(0, 1)
            yield from _tried(replace(job, tasks=half), session, progress, within, retries + 1)


def _all_failed(job: Job, session: Session, error: Exception) -> Iterator[Attribution]:
    for task in job.tasks:
        for place in task.places:
            yield from _without_map(task, place, session, error)


def _without_map(task: Task, place: str | None, session: Session, error: Exception) -> Iterator[Attribution]:
    status = status_of(error)
    scored = bool(task.method.reads_at(place) & NEEDS_SCORE)
    targets = list(range(len(session.bound.names))) if scored and session.is_bound else [None]
    for target in targets:
        yield _attribution(task, place, target, session, status=status, reason=_reason(error, task, place, session))


def status_of(error: Exception) -> Status:
    """What an error makes of a map."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return "incompatible" if isinstance(error, IncompatibleError) else "failed"


def _reason(error: Exception, task: Task, place: str | None, session: Session) -> str:
    half_safe = all(sweep.half_safe for sweep in task.method.sweeps_over((place,)))
    return reason_of(error, session, half_safe=half_safe)


def reason_of(error: Exception, session: Session, *, half_safe: bool = True) -> str:
    """What an error says, for the record of what it cost.

    Args:
        error: What happened.
        session: Where.
        half_safe: Whether half precision might have helped.
    """
    if is_out_of_memory(error):
        one = "point" if session.tiling is None else "patch"
        return f"{OUT_OF_MEMORY} with a single {one} at once: {remedy(session, half_safe=half_safe)} ({error})"
    return str(error) if isinstance(error, EsegetaError | TimeoutError) else f"{type(error).__name__}: {error}"


def _attribution(
    task: Task,
    place: str | None,
    target: int | None,
    session: Session,
    *,
    status: Status = "ok",
    reason: str | None = None,
) -> Attribution:
    bound = session.bound if target is not None else None
    return Attribution(
        method=task.method.name,
        label=task.label,
        target=bound.names[target] if bound is not None and target is not None else None,
        target_index=bound.indices[target] if bound is not None and target is not None else None,
        layer=place,
        image=session.image.name,
        status=status,
        reason=reason,
        space="image" if task.method.in_image_space(place) else "layer",
        signed=task.method.signed,
        quantity=task.method.quantity,
        shows=task.method.shows,
        of_model=task.method.of_model,
        parameters=task.method.parameters(),
        precision=session.runner.precision,
        maker=task.method,
    )


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
            yield from _without_map(task, place, self.session, error)
            return
        for (label, at, _), reader in self.opened.items():
            if (label, at) == (task.label, place):
                yield from self._finish(task, place, reader)
        if task.method.reads_at(place) & NEEDS_SCORE:
            for name, reason in self.session.bound.incompatible.items():
                target = self.session.bound.names.index(name)
                yield _attribution(task, place, target, self.session, status="incompatible", reason=reason)

    def _finish(self, task: Task, place: str | None, reader: Reader) -> Iterator[Attribution]:
        """The maps of a reader: one, or as many as its readout makes."""
        try:
            if reader.error is not None:
                raise reader.error
            parts = reader.readout.several() if isinstance(reader.readout, Several) else [self._whole(reader)]
        except Exception as error:
            parts = [Part(error=_own(error, task))]
        for part in parts:
            yield self._attempt(task, place, reader, part)

    @staticmethod
    def _whole(reader: Reader) -> Part:
        readout = reader.readout
        values = readout.finish()
        measures = readout.measures() if isinstance(readout, Measured) else {}
        if reader.stopped is None:
            return Part(values=values, measures=measures)
        stopped = f"the deadline came after {reader.stopped} points"
        return Part(values=values, measures={"samples": float(reader.stopped), **measures}, stopped=stopped)

    def _attempt(self, task: Task, place: str | None, reader: Reader, part: Part) -> Attribution:
        result = _attribution(task, place, reader.target, self.session)
        if part.name is not None and reader.target is None:
            result.target, result.target_index = part.name, part.index
        elif part.name is not None:
            result.target = f"{result.target}, {part.name}"
        result.matched, result.arrays = reader.matched, {n: _plain(array) for n, array in part.arrays.items()}
        try:
            if part.values is None:
                raise part.error or ValueError("the method made no map")
            self._fill(result, task, place, reader, part)
        except Exception as error:
            error = _own(error, task)
            result.values, result.status = None, status_of(error)
            result.reason = _reason(error, task, place, self.session)
        return result

    def _fill(self, result: Attribution, task: Task, place: str | None, reader: Reader, part: Part) -> None:
        assert part.values is not None
        values = _plain(part.values)
        if bad := count_not_finite(values):
            raise ArithmeticError(f"{bad} of {values.numel()} values are NaN or infinite")
        context, image = self._context(place, reader.target), self.session.image
        if reader.blended:
            result.space = "image"
        misfit = result.space == "image" and result.shows == "map" and tuple(values.shape[1:]) != image.shape
        if misfit or not values.numel():
            raise ValueError(f"the map has shape {tuple(values.shape)}; expected (channels, *{image.shape})")
        result.covers = part.covers
        result.values, result.affine = values, _grid(result, part, image, tuple(values.shape[1:]))
        if part.stopped is not None:
            result.status, result.reason = "partial", part.stopped
        notes = [] if reader.note is None else [reader.note]
        if reader.blended:  # what a layer's map adds up to is lost when it is resized
            result.measures, result.warnings = part.measures, (self._blended, *part.warnings, *notes)
            return
        result.measures = {**task.method.measures(values, context), **part.measures}
        result.warnings = (*task.method.cautions(result.measures, context), *part.warnings, *notes)

    @property
    def _blended(self) -> str:
        assert self.session.tiling is not None
        return (
            f"blended from {self.session.tiling.count} patches: each patch's own map, from the score's slope at the "
            "whole prediction, brought to the image's grid"
        )


def _grid(result: Attribution, part: Part, image: Image, shape: tuple[int, ...]) -> Affine | None:
    """Place of a map or picture in space: its layer's, the image's, or none for a picture of another size.

    A picture that covers the image has its field.
    """
    if result.space == "layer":
        return layer_affine(image.affine, image.shape, shape)
    if result.shows == "map" or shape == image.shape:
        return image.affine
    return covering_affine(image.affine, image.shape, shape) if part.covers else None


def _plain(values: Tensor) -> Tensor:
    return values.detach().to("cpu", torch.float32)


def _own(error: Exception, task: Task) -> Exception:
    """An error that costs one map only; what was not expected is logged.

    Raises:
        Exception: Memory ran out, which costs more.
    """
    if is_out_of_memory(error):
        raise error
    if not isinstance(error, EsegetaError | TimeoutError):
        log.error("%s failed", task.label, exc_info=error, extra={"method": task.label})
    return error
