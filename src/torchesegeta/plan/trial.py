"""Jobs tried on the first image for a moment, to tell what all of them will take."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from torchesegeta.errors import EsegetaError
from torchesegeta.jobs import Job
from torchesegeta.precise import run_precisely
from torchesegeta.sweeps import Contrast, Foreign, Optimise, Session

SHORT = 1.5
"""Seconds below which a job is tried again, since the first passes of a kind are slower."""
ENOUGH = 3.0
"""Seconds after which a trial that is to be seen to its end stops at the end of a chunk, once it has seen two."""
PATIENCE = 15.0
"""The same, though it has seen one only, which tells less: what comes before it is taken for a part of each."""
MOST = 8
"""Baselines that a contrast is tried with."""
FEW, MORE = 4, 8
"""Steps that pictures are changed by in two trials, also those that take a quarter of the steps: their difference tells
what a step takes."""
NOISE = "baseline_noise"
"""The measure that tells that a nudged baseline was run too."""


@dataclass(frozen=True)
class Trial:
    """What a job will take, judged by its beginning.

    Attributes:
        seconds: Of all its sweeps.
        passes: Forward and backward passes, where they were counted; None: as they were planned.
        nudged: Whether nudged baselines are run too, which only the model's operations tell.
    """

    seconds: float
    passes: dict[str, int] | None = None
    nudged: bool = False

    def and_then(self, other: Trial | None) -> Trial | None:
        """Both, one after the other."""
        if other is None:
            return None
        both = None
        if self.passes is not None and other.passes is not None:
            both = {kind: count + other.passes[kind] for kind, count in self.passes.items()}
        return Trial(self.seconds + other.seconds, both, self.nudged or other.nudged)


class Enough(BaseException):
    """Enough was seen; no `except Exception` on the way keeps it."""


@dataclass
class Beginning:
    """What was seen of a job, or of other work that tells of its progress.

    Attributes:
        whole: Whether it is to be seen to its end, unless that takes long.
        marks: Seconds since the beginning, and points done, at the end of each chunk of the present sweep.
        total: Points of that sweep.
        ended: Whether it came to its end.
        seconds: What was seen took.
        passes: Forward and backward passes that were made.
        nudged: See `Trial`.
        barred: Whether all its maps are incompatible with the image.
    """

    whole: bool
    begun: float = field(default_factory=lambda: time.perf_counter())
    marks: list[tuple[float, int]] = field(default_factory=list)
    total: int = 0
    ended: bool = False
    seconds: float = 0.0
    passes: dict[str, int] = field(default_factory=dict)
    nudged: bool = False
    barred: bool = False

    def progress(self, done: int, total: int) -> None:
        """A chunk is over."""
        now = time.perf_counter() - self.begun
        if self.marks and done <= self.marks[-1][1]:
            self.marks.clear()  # the next sweep
        self.marks.append((now, done))
        self.total, self.seconds = total, now
        seen = len(self.marks) > 1 and (now > ENOUGH or not self.whole)
        if 0 < done < total and (seen or now > PATIENCE):
            raise Enough

    @property
    def foreseen(self) -> float:
        """Seconds to the end: the first chunk with all that comes before it, and as many as are left like the last."""
        if self.ended:
            return self.seconds
        (first, done), (last, later) = self.marks[0], self.marks[-1]
        a_point = (last - first) / (later - done) if later > done else first / done
        return first + (self.total - done) * a_point


def try_job(job: Job, session: Session) -> Trial | None:
    """Run the beginning of a job: two chunks, or all of it where there are no more.

    Args:
        job: The job.
        session: The image; its target is bound.

    Returns:
        What all of it will take; None where the beginning does not tell.
    """
    if any(isinstance(sweep, Foreign) for sweep in job.sweeps):
        return None
    with silent():
        if any(isinstance(sweep, Optimise) for sweep in job.sweeps):
            return _try_pictures(job, session)
        return _try_points(job, session)


def _try_points(job: Job, session: Session) -> Trial | None:
    sweep, times = job.sweep, 1.0
    if isinstance(sweep, Contrast):  # whose end, which takes passes of its own, is to be seen
        job = replace(job, sweep=replace(sweep, origins=sweep.origins[:MOST]))
        times = len(sweep.origins) / min(MOST, len(sweep.origins))
    seen = _begin(job, session)
    return None if seen is None else Trial(seen.foreseen * times, nudged=seen.nudged)


def _try_pictures(job: Job, session: Session) -> Trial | None:
    """All pictures with a few steps, and with some more: how many they are and of what size need not be known."""
    few = _begin(_with_steps(job, FEW), session, whole=True)
    if few is None or few.barred:
        return None if few is None else Trial(few.seconds)
    steps = max(sweep.steps for sweep in job.sweeps if isinstance(sweep, Optimise))
    more = _begin(_with_steps(job, MORE), session, whole=True) if few.ended and steps > FEW else None
    if more is None or not more.ended:
        return Trial(few.seconds, few.passes) if few.ended and steps <= FEW else _scaled(more or few, more, steps)
    times = (steps - FEW) / (min(MORE, steps) - FEW)
    passes = {kind: count + round(times * (more.passes[kind] - count)) for kind, count in few.passes.items()}
    return Trial(few.seconds + times * max(0.0, more.seconds - few.seconds), passes)


def _scaled(seen: Beginning, more: Beginning | None, steps: int) -> Trial | None:
    """By the share of all steps that were made."""
    if not seen.marks or not seen.marks[-1][1]:
        return None
    all_steps = seen.total * steps / min(steps, FEW if more is None else MORE)
    share = all_steps / seen.marks[-1][1]
    return Trial(seen.seconds * share, {kind: round(count * share) for kind, count in seen.passes.items()})


def _with_steps(job: Job, steps: int) -> Job:
    first, *further = (
        replace(sweep, steps=min(steps, sweep.steps)) if isinstance(sweep, Optimise) else sweep for sweep in job.sweeps
    )
    return replace(job, sweep=first, further=tuple(further))


def _begin(job: Job, session: Session, *, whole: bool = False) -> Beginning | None:
    """Run a job until enough was seen, twice where that is soon; None where it fails."""
    seen = _begin_once(job, session, whole=whole)
    again = _begin_once(job, session, whole=whole) if seen is not None and seen.seconds < SHORT else None
    return again if again is not None and seen is not None and again.foreseen < seen.foreseen else seen


def _begin_once(job: Job, session: Session, *, whole: bool) -> Beginning | None:
    before, seen = session.runner.passes.copy(), Beginning(whole)
    try:
        maps = list(run_precisely(job, session, seen.progress))
    except Enough:
        maps = None
    except EsegetaError:
        return None
    if maps is not None:
        seen.barred = all(one.status == "incompatible" for one in maps)
        if not seen.barred and not any(one.has_map for one in maps):
            return None
        seen.ended, seen.seconds = True, max(one.seconds for one in maps)
        seen.nudged = any(NOISE in one.measures for one in maps)
    if session.runner.device.type == "cuda":
        torch.cuda.synchronize(session.runner.device)
    seen.passes = session.runner.passes.since(before)
    return seen


@contextmanager
def silent() -> Iterator[None]:
    """What goes wrong in a trial goes wrong in the run, and is said there."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
