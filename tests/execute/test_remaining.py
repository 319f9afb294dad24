from __future__ import annotations

from collections.abc import Collection

import pytest

from torchesegeta.execute.events import Crash
from torchesegeta.execute.remaining import remaining
from torchesegeta.jobs import Job, Task
from torchesegeta.methods import methods
from torchesegeta.sweeps import Gradient

NAMES = "abcdefgh"


def left(finished: Collection[str], crashes: Collection[Crash], names: str = NAMES) -> list[str]:
    """The jobs that are left, each as the string of its labels."""
    saliency = methods()["saliency"]()
    job = Job(Gradient(), tuple(Task(name, saliency, (None,)) for name in names))
    jobs = remaining([job], "image", {("image", name) for name in finished}, crashes)
    return ["".join(task.label for task in job.tasks) for job in jobs]


def test_what_is_finished_is_left_out() -> None:
    assert left("", []) == [NAMES]
    assert left("bd", []) == ["acefgh"]
    assert left(NAMES, []) == []


def test_a_crash_of_another_image_or_job_changes_nothing() -> None:
    assert left("", [("other", frozenset(NAMES)), ("image", frozenset("xy"))]) == [NAMES]


@pytest.mark.parametrize("guilty", ["a", "d", "h", "cf", "abcdefgh"])
def test_the_guilty_end_alone_and_nothing_runs_twice_with_them(guilty: str) -> None:
    finished: set[str] = set()
    crashes: list[Crash] = []
    failed: set[str] = set()
    while jobs := left(finished, crashes):
        for job in jobs:
            if ("image", frozenset(job)) in crashes:
                assert len(job) == 1
                failed.add(job)
                finished.add(job)
            elif set(job) & set(guilty):
                assert ("image", frozenset(job)) not in crashes
                crashes.append(("image", frozenset(job)))
                break
            else:
                finished |= set(job)
    assert failed == set(guilty) and finished == set(NAMES)
    assert len(crashes) <= 4 * len(guilty)
