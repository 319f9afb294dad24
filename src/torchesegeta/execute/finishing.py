"""What storing, drawing and comparing maps takes, as maps of noise tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from torchesegeta.execute.comparing import agreement_tickets, compare
from torchesegeta.execute.drawing import Drawing
from torchesegeta.jobs import Task
from torchesegeta.ledger import Record
from torchesegeta.plan import Plan
from torchesegeta.plan.made_up import made_up, noise, targets_of
from torchesegeta.store import describe, save_map, write_sidecar
from torchesegeta.types import Attribution


@dataclass(frozen=True)
class Finishing:
    """Seconds of what is done with maps of the first image.

    Attributes:
        plan: The plan.
        a_map: To store one, and to draw it where maps are drawn.
        a_member: Of each map in a figure of several.
        compared: Of each map that is compared with the others.
    """

    plan: Plan
    a_map: float
    a_member: float
    compared: float

    def of(self, task: Task) -> float:
        """Storing and drawing what a task makes."""
        return self.maps(task) * self.a_map + self._members(task) * self.a_member

    def maps(self, task: Task) -> int:
        """How many maps, or pictures, a task makes."""
        pictures = [self.plan.pictures(task, place) for place in task.places]
        if any(pictures):
            return sum(filter(None, pictures))
        return sum(len(targets_of(self.plan, task, place)) for place in task.places)

    def _members(self, task: Task) -> int:
        """How many maps stand in figures of several: of all layers of a target, else of all targets."""
        if not self.a_member:
            return 0
        made = self.maps(task)
        several = len(task.places) > 1 or len(targets_of(self.plan, task, task.places[0])) > 1
        return made if several else 0


def time_finishing(plan: Plan) -> Finishing:
    """Store, draw and compare two maps of noise, in a folder that is removed again."""
    tasks = [task for job in plan.jobs for task in job.tasks]
    first = next((one for one in made_up(plan, tasks, noise(plan))), None)
    if first is None:
        return Finishing(plan, 0.0, 0.0, 0.0)
    first = replace(first, layer=None)
    pair = [replace(first, label=label) for label in ("first", "second")]
    with _drawing(plan) as drawing:
        records = [_stored(plan, drawing, one) for one in pair]  # the first figure of a process is slower
        a_map = _fastest(lambda: _stored(plan, drawing, first))
        several = [replace(first, layer=layer) for layer in ("a", "b")]
        a_member = _fastest(lambda: drawing.overview(several)) / 2 if drawing.maps else 0.0
        compared = 0.0
        if any(agreement_tickets(plan, first.image)):
            compared = _fastest(lambda: list(compare(drawing.run, records, plan.first.image, drawing))) / 2
    return Finishing(plan, a_map, a_member, compared)


@contextmanager
def _drawing(plan: Plan) -> Iterator[Drawing]:
    with TemporaryDirectory(prefix="esegeta-plan-") as folder:
        config = plan.config
        yield Drawing(plan.first, Path(folder), config.convention, lambda record: None, maps=config.figures)


def _stored(plan: Plan, drawing: Drawing, one: Attribution) -> Record:
    record = describe(one)
    save_map(drawing.run, one, plan.first.image, record, plan.config.channels)
    drawing.map(one, record)
    write_sidecar(drawing.run, record)
    return record


def _fastest(do: Callable[[], object]) -> float:
    """Seconds of the faster of two tries."""
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
