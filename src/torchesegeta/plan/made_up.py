"""Maps of noise that stand for a plan's, to time what is done with maps before there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from torchesegeta.jobs import Task
from torchesegeta.plan.plan import Plan
from torchesegeta.sweeps import NEEDS_SCORE
from torchesegeta.types import Attribution


def targets_of(plan: Plan, task: Task, place: str | None) -> list[int | None]:
    """Numbers of the targets that a task has a map of at a place; None where it reads none."""
    bound = plan.first.bound
    if not task.method.reads_at(place) & NEEDS_SCORE:
        return [None]
    return [number for number, name in enumerate(bound.names) if name not in bound.incompatible]


def noise(plan: Plan) -> Tensor:
    """(C, *spatial), a map's values for the first image."""
    return torch.randn(plan.first.image.data.shape, generator=torch.Generator().manual_seed(0))


def made_up(plan: Plan, tasks: Sequence[Task], values: Tensor) -> Iterator[Attribution]:
    """A map for every task, place and target, all with the same values."""
    for task in tasks:
        for place in task.places:
            for target in targets_of(plan, task, place):
                yield _map(plan, task, place, target, values)


def _map(plan: Plan, task: Task, place: str | None, target: int | None, values: Tensor) -> Attribution:
    image, bound = plan.first.image, plan.first.bound
    return Attribution(
        method=task.method.name,
        label=task.label,
        target=None if target is None else bound.names[target],
        target_index=None if target is None else bound.indices[target],
        layer=place,
        image=image.name,
        values=values,
        affine=image.affine,
        signed=task.method.signed,
        quantity=task.method.quantity,
        parameters=task.method.parameters(),
        maker=task.method,
    )
