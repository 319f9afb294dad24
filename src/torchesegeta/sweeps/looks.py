"""One look at pictures under way: their objectives, and how these change with the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.objectives import Objective
from torchesegeta.sweeps.capture import Record
from torchesegeta.sweeps.passes import finite_scores, forward_pass
from torchesegeta.sweeps.session import Session


@dataclass(frozen=True, eq=False)
class Rows:
    """Where a problem's pictures lie in a batch.

    Attributes:
        objective: The problem's.
        pictures: Their rows.
        views: Inputs of the model that each makes.
        target: Index of the problem's score, or None.
    """

    objective: Objective
    pictures: range
    views: int
    target: int | None

    @property
    def picture_rows(self) -> slice:
        """Rows of the batch of pictures."""
        return slice(self.pictures.start, self.pictures.stop)

    @property
    def input_rows(self) -> slice:
        """Rows of the batch of inputs."""
        return slice(self.pictures.start * self.views, self.pictures.stop * self.views)


@dataclass(frozen=True, eq=False)
class Look:
    """What a look showed.

    Attributes:
        values: (pictures,), the objectives.
        scores: (inputs, K), where an objective reads one.
        at_pictures: (pictures, C, *spatial), gradient of what the objectives read off the pictures themselves.
        at_inputs: (inputs, C, *spatial), gradient at the model's inputs.
    """

    values: Tensor
    scores: Tensor | None
    at_pictures: Tensor | None = None
    at_inputs: Tensor | None = None


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the objective of some rows sees; see `Seen`."""

    rows: Rows
    pictures: Tensor
    step: int
    activations: dict[str, Tensor]
    outcomes: dict[str, Tensor]

    def layer(self, name: str) -> Tensor:
        """See `Seen.layer`."""
        return _rows(self.activations[name], self.rows.input_rows)

    def score(self) -> Tensor:
        """See `Seen.score`."""
        return self._outcome("score")

    def rival(self) -> Tensor:
        """See `Seen.rival`."""
        return self._outcome("rival")

    def _outcome(self, name: str) -> Tensor:
        assert self.rows.target is not None
        return self.outcomes[name][self.rows.input_rows, self.rows.target]


def _rows(values: Tensor, rows: slice) -> Tensor:
    """Some rows; where it is all, without a slice, whose way back is a copy."""
    return values if rows == slice(0, len(values)) else values[rows]


def look_at(
    session: Session, pictures: Tensor, inputs: Tensor, rows: Sequence[Rows], step: int, *, graded: bool = True
) -> Look:
    """Run the model over a batch and evaluate the objectives; no further than to the deepest layer that they read.

    Args:
        session: The image before a model.
        pictures: (pictures, C, *spatial); a leaf.
        inputs: (inputs, C, *spatial), made of them; a leaf.
        rows: The problems.
        step: Number of the step.
        graded: Whether gradients are taken.

    Raises:
        IncompatibleError: A layer cannot be watched, or does not depend on the input; the target has no rivals.
        ModelError: The model refuses the inputs, or a score is not finite.
    """
    layers = list(dict.fromkeys(layer for one in rows for layer in one.objective.layers))
    scored = any(one.objective.reads_score or one.objective.reads_rival for one in rows)
    output, capture = forward_pass(session, inputs, layers, scored=graded, whole=scored, borrow=True)
    records = {layer: capture.record(layer) for layer in layers}
    outcomes = _outcomes(session, output, rows) if scored and output is not None else {}
    if not graded:
        with torch.no_grad():
            shown = {layer: record.values for layer, record in records.items()}
            return Look(_values(rows, pictures, step, shown, outcomes), outcomes.get("score"))
    return _graded(session, pictures, inputs, rows, step, records, outcomes)


def _outcomes(session: Session, output: Tensor, rows: Sequence[Rows]) -> dict[str, Tensor]:
    """What objectives read of the output, each (inputs, K): `score`, and `rival` where one reads it."""
    found = {"score": finite_scores(session, output)}
    if any(one.objective.reads_rival for one in rows):
        if session.bound.rival is None:
            raise IncompatibleError(
                "the objective compares the score with those of other classes; only targets of kind 'class', of a "
                "model that classifies whole images, have these"
            )
        found["rival"] = session.bound.rival(output)
    return found


def _graded(
    session: Session,
    pictures: Tensor,
    inputs: Tensor,
    rows: Sequence[Rows],
    step: int,
    records: dict[str, Record],
    outcomes: dict[str, Tensor],
) -> Look:
    """The same with gradients: from the objectives to what they read, and from there to the inputs."""
    leaves = {layer: record.values.requires_grad_() for layer, record in records.items()}
    ending = {name: outcome.detach().requires_grad_() for name, outcome in outcomes.items()}
    values = _values(rows, pictures, step, leaves, ending)
    read = [pictures, *leaves.values(), *ending.values()]
    at_pictures, *starts = torch.autograd.grad(values.sum(), read, allow_unused=True)
    ends = [*(_edge(layer, record) for layer, record in records.items()), *outcomes.values()]
    known: list[tuple[Any, Tensor]] = [(e, s) for e, s in zip(ends, starts, strict=True) if s is not None]
    at_inputs = None
    if known:
        session.runner.count_backward(len(inputs))
        (at_inputs,) = session.runner.gradients([e for e, _ in known], [inputs], [s for _, s in known])
    scores = outcomes.get("score")
    return Look(values.detach(), None if scores is None else scores.detach(), at_pictures, at_inputs)


def _edge(layer: str, record: Record) -> Any:
    if record.edge is None:
        raise IncompatibleError(f"layer {layer!r} does not depend on the image")
    return record.edge


def _values(
    rows: Sequence[Rows], pictures: Tensor, step: int, activations: dict[str, Tensor], outcomes: dict[str, Tensor]
) -> Tensor:
    found = []
    for one in rows:
        mine = pictures[one.picture_rows]
        value = one.objective.value(_Seen(one, mine, step, activations, outcomes))
        found.append(value.expand(len(mine)) if value.ndim == 0 else value)
    return torch.cat(found)
