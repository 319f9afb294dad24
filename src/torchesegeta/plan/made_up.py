"""Maps of noise that stand for a plan's, to time what is done with maps before there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from torchesegeta.jobs import Task, attribution
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
                made = attribution(task, place, target, plan.first)
                yield replace(
                    made, values=values, affine=plan.first.image.affine, space="image", shows="map", of_model=False
                )
