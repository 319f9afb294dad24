"""What a run asks for: methods as tasks, and the sweeps that they share as jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from torchesegeta.methods import Method
from torchesegeta.sweeps import NEEDS_SCORE, SEEDED, Gather, Read, Sweep
from torchesegeta.sweeps.patch_counts import Reading


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
