"""The passes of an `Optimise` sweep: forward to the deepest layer that is read, back to the pictures, a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from torchesegeta.draws import generator
from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.optimisation.exposures import Expose
from torchesegeta.optimisation.parameterisations import Blank, Canvas
from torchesegeta.optimisation.transforms import fit
from torchesegeta.sweeps.base import Continued, Progress, Reader
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.gains import Gains
from torchesegeta.sweeps.heap import kept_heap
from torchesegeta.sweeps.looks import Look, Rows, look_at
from torchesegeta.sweeps.optimise import Draftsman, FlatError, Missed, Optimise, Pictured, Problem, Result
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.session import Session
from torchesegeta.sweeps.tiles import Window, windows


@dataclass(frozen=True, eq=False)
class Order:
    """A problem, and for whom it is solved."""

    reader: Reader
    readout: Draftsman
    problem: Problem


def optimise(
    sweep: Optimise,
    points: Pictured,
    readers: Readers,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> None:
    """Solve the problems of every reader; those alike are solved side by side.

    Args:
        sweep: How.
        points: The image and the key of draws.
        readers: Opened.
        progress: Called after each step with the steps done and the steps in all, as far as they are known.
        deadline: When to stop, by `time.monotonic`; pictures under way are kept as they are.
    """
    if readers.scored:
        readers.session.require_gradient()
    studio = Studio(sweep, points, readers.session, progress, deadline)
    with kept_heap() if readers.session.runner.device.type == "cpu" else nullcontext():
        while orders := [order for reader in readers.opened if not reader.done for order in _orders(reader)]:
            studio.solve(orders)


def _orders(reader: Reader) -> list[Order]:
    readout: object = reader.readout
    if isinstance(readout, Continued):
        readout = readout.readout
    assert isinstance(readout, Draftsman)
    try:
        return [Order(reader, readout, problem) for problem in readout.problems()]
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reader.error = error
        return []


class Studio:
    """Where problems are solved: side by side where their pictures have one shape and read the same layers."""

    def __init__(
        self, sweep: Optimise, points: Pictured, session: Session, progress: Progress | None, deadline: float | None
    ) -> None:
        self.sweep, self.points, self.session = sweep, points, session
        self.progress, self.deadline = progress, deadline
        self.done = self.planned = self.left = 0

    @cached_property
    def expose(self) -> Expose | None:
        """What makes the model's inputs of pictures; None: they are the pictures."""
        return None if self.sweep.exposure is None else self.sweep.exposure.over(self.session.data)

    def solve(self, orders: Sequence[Order]) -> None:
        """Solve some problems, and hand out what came of them."""
        self.left = len(orders)
        self.planned = self.done + sum(round(self.steps_of(o.problem) * (1 + o.problem.further)) for o in orders)
        for alike in self._alike(orders):
            first = alike[0].problem
            spatial = first.shape[1:] if first.shape is not None and self.sweep.exposure is None else None
            inputs = first.pictures * self.sweep.views
            chunks = self.session.chunks(inputs=inputs, spatial=spatial, room=self.sweep.room)
            for chunk in chunks.split(len(alike)):
                chunks.run(chunk, partial(self._chunk, alike))

    def _alike(self, orders: Sequence[Order]) -> list[list[Order]]:
        groups: dict[object, list[Order]] = {}
        for order in orders:
            problem = order.problem
            objective, shape = problem.objective, problem.shape or tuple(self.session.data.shape)
            reads = (objective.layers, objective.reads_score, objective.reads_rival)
            key = (reads, shape, problem.pictures, problem.start is None, problem.share)
            groups.setdefault(key, []).append(order)
        return list(groups.values())

    def _chunk(self, alike: Sequence[Order], chunk: range) -> None:
        self._solve(alike[chunk.start : chunk.stop])

    def _solve(self, orders: Sequence[Order]) -> None:
        """Solve a batch; where it breaks down, each half of it, until the guilty one is alone."""
        done = self.done
        try:
            results: Sequence[Result | Missed] = Batch(self, orders, self._share(orders)).solve()
        except (EsegetaError, ArithmeticError, TimeoutError) as error:
            self.done = done
            if len(orders) > 1 and not isinstance(error, TimeoutError):
                middle = len(orders) // 2
                self._solve(orders[:middle])
                self._solve(orders[middle:])
                return
            results = [Missed(order.problem, error) for order in orders]
        self.left -= len(orders)
        self.done = done
        self.step(sum(self.steps_of(order.problem) for order in orders))
        for order, result in zip(orders, results, strict=True):
            order.readout.take(result)

    def _share(self, orders: Sequence[Order]) -> float | None:
        """When these problems must end so that those left get as much time each, and those that follow theirs."""
        if self.deadline is None:
            return None
        now, further = time.monotonic(), max(order.problem.further for order in orders)
        return now + max(0.0, self.deadline - now) * len(orders) / (self.left * (1 + further))

    def steps_of(self, problem: Problem) -> int:
        """For what a problem counts; a look at its start for one step."""
        return max(1, problem.steps(self.sweep.steps))

    def step(self, steps: int) -> None:
        """Count steps, and tell."""
        self.done += steps
        if self.progress is not None:
            self.progress(self.done, self.planned)


class Batch:
    """Problems under way, side by side."""

    def __init__(self, studio: Studio, orders: Sequence[Order], deadline: float | None) -> None:
        self.studio, self.sweep, self.session = studio, studio.sweep, studio.session
        self.orders, self.deadline = orders, deadline
        self.problems = [order.problem for order in orders]
        self.steps = self.problems[0].steps(self.sweep.steps)
        edges = accumulate((problem.pictures for problem in self.problems), initial=0)
        self.rows = [
            Rows(order.problem.objective, range(*ends), self.sweep.views, order.reader.target)
            for order, ends in zip(orders, pairwise(edges), strict=True)
        ]
        self.expose = studio.expose

    def solve(self) -> list[Result | Missed]:
        """Make the steps.

        Raises:
            IncompatibleError: A layer cannot be watched, or does not depend on the image; or a score comes in tiles.
            ModelError: The model refuses the pictures.
            ArithmeticError: An objective became NaN or infinite.
            TimeoutError: The deadline came before the first step.
        """
        if self._late:
            raise TimeoutError("the deadline came before its first step")
        if self.sweep.tile is not None and self.problems[0].objective.reads_score:
            raise IncompatibleError("the target's score needs the whole picture and cannot be raised tile by tile")
        canvas, step = self._begin(), 0
        optimiser = self.sweep.optimiser.over(canvas.parameters)
        gains = Gains(self.sweep)
        before = self._glance(canvas.render()).values if self.sweep.transforms or not self.steps else None
        while step < self.steps and not gains.stalled and not (step and self._late):
            optimiser.zero_grad(set_to_none=True)
            pictures = canvas.render()
            values, gradient = self._slope(pictures.detach(), step)
            before = values if before is None else before
            gains.note(values, pictures.detach(), gradient)
            torch.autograd.backward([pictures], [-gradient])
            self.sweep.optimiser.scale(canvas.parameters)
            optimiser.step()
            with torch.no_grad():
                canvas.settle()
            step += 1
            self.studio.step(len(self.orders))
        assert before is not None
        return self._results(canvas.render().detach(), gains, before, step)

    @property
    def _late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def _begin(self) -> Canvas:
        data, first = self.session.data, self.problems[0]
        names = tuple(
            (f"{self.studio.points.key}|{order.reader.request.layer}|{order.reader.target}|{order.problem.name}", n)
            for order in self.orders
            for n in range(order.problem.pictures)
        )
        given = [problem.start.to(data) for problem in self.problems if problem.start is not None]
        shape = first.shape or tuple(data.shape)
        return self.sweep.parameterisation.begin(Blank(shape, names, data, torch.cat(given) if given else None))

    def _slope(self, pictures: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """The objectives (pictures,) at transformed pictures, and their gradient at the pictures."""
        source = generator(f"{self.studio.points.key}|step", step)
        leaf = pictures.requires_grad_()
        inputs = self._inputs(leaf, source)
        shown = inputs.detach().requires_grad_()
        parts = windows(tuple(shown.shape[2:]), self.sweep.tile)
        looks = [self._look(leaf, shown, part, step) for part in parts]
        values = torch.stack([look.values for look in looks]).mean(0)
        if not bool(torch.isfinite(values).all()):
            raise ArithmeticError(f"the objective is NaN or infinite at step {step}; a lower learning rate may help")
        gradient = _at_inputs(shown, parts, looks)
        if inputs is not leaf:
            (gradient,) = torch.autograd.grad([inputs], [leaf], [gradient])
        for look in looks:
            if look.at_pictures is not None:
                gradient = gradient.add(look.at_pictures, alpha=1 / len(looks))
        return values, gradient

    def _look(self, pictures: Tensor, shown: Tensor, part: Window, step: int) -> Look:
        inputs = shown if part.whole else part.of(shown).detach().clone().requires_grad_()
        return look_at(self.session, pictures, inputs, self.rows, step)

    def _inputs(self, pictures: Tensor, source: torch.Generator | None) -> Tensor:
        """What the model sees of pictures; without a source, without transforms."""
        shown = pictures if self.expose is None else self.expose(pictures)
        spatial = shown.shape[2:]
        if source is not None:
            for transform in self.sweep.transforms:
                shown = transform(shown, source)
        return fit(shown, spatial)

    @torch.no_grad()
    def _glance(self, pictures: Tensor) -> Look:
        """A look without transforms and gradients."""
        shown = self._inputs(pictures.detach(), None)
        parts = windows(tuple(shown.shape[2:]), self.sweep.tile)
        looks = [
            look_at(self.session, pictures, part.of(shown).clone(), self.rows, self.sweep.steps, graded=False)
            for part in parts
        ]
        return Look(torch.stack([look.values for look in looks]).mean(0), looks[0].scores)

    def _results(self, pictures: Tensor, gains: Gains, before: Tensor, steps: int) -> list[Result | Missed]:
        final = self._glance(pictures)
        kept = gains.better_than(final.values, pictures)
        if kept is not None:
            pictures, final = kept, self._glance(kept)
        stopped = steps < self.steps and not gains.stalled
        return [
            self._result(order, rows, pictures, final, before, steps, stopped)
            if not self.steps or bool(gains.moved[rows.picture_rows].any())
            else Missed(order.problem, FlatError())
            for order, rows in zip(self.orders, self.rows, strict=True)
        ]

    def _result(
        self, order: Order, rows: Rows, pictures: Tensor, final: Look, before: Tensor, steps: int, stopped: bool
    ) -> Result:
        mine, target = rows.picture_rows, rows.target
        scores = None if final.scores is None or target is None else final.scores[rows.input_rows, target].cpu()
        kept = pictures[mine].float().cpu()
        return Result(order.problem, kept, before[mine].cpu(), final.values[mine].cpu(), scores, steps, stopped)


def _at_inputs(shown: Tensor, parts: Sequence[Window], looks: Sequence[Look]) -> Tensor:
    """The mean of what looks at parts of the model's inputs found there, where None is 0; (inputs, C, *spatial)."""
    if len(parts) == 1 and parts[0].whole and looks[0].at_inputs is not None:
        return looks[0].at_inputs
    total = torch.zeros_like(shown)
    for part, look in zip(parts, looks, strict=True):
        if look.at_inputs is not None:
            part.of(total).add_(look.at_inputs, alpha=1 / len(parts))
    return total
