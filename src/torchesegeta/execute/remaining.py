"""The jobs that are left: without what is finished, and with methods apart that took a worker process down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from torchesegeta.execute.events import Crash
from torchesegeta.jobs import Job, Task


def remaining(
    jobs: Sequence[Job], image: str, finished: Collection[tuple[str, str]], crashes: Collection[Crash]
) -> list[Job]:
    """The jobs left for an image.

    Args:
        jobs: All of them.
        image: Name of the image.
        finished: (image, label) of tasks that are done.
        crashes: Jobs that took a worker process down. Their methods are run in halves, so that after at most
            log2(methods) further crashes the guilty one is alone.
    """
    crashed = [labels for name, labels in crashes if name == image]
    parts = [replace(job, tasks=part) for job in jobs for part in _parts(job.tasks, crashed)]
    left = [replace(job, tasks=tuple(t for t in job.tasks if (image, t.label) not in finished)) for job in parts]
    return [job for job in left if job.tasks]


def _parts(tasks: tuple[Task, ...], crashed: Collection[frozenset[str]]) -> list[tuple[Task, ...]]:
    """Tasks in halves of halves, until none holds all of a job that crashed; single ones stay."""
    labels = {task.label for task in tasks}
    if len(tasks) < 2 or not any(others <= labels for others in crashed if others):
        return [tasks]
    middle = len(tasks) // 2
    return [part for half in (tasks[:middle], tasks[middle:]) for part in _parts(half, crashed)]
