"""What comes of a reader: attributions, with a map or with the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.arrays import count_not_finite
from torchesegeta.errors import EsegetaError
from torchesegeta.jobs.job import Job, Task
from torchesegeta.jobs.reasons import reason_of, status_of
from torchesegeta.methods import Context
from torchesegeta.sweeps import NEEDS_SCORE, Measured, Part, Reader, Session, Several
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.types import Affine, Attribution, Image, Status, covering_affine, layer_affine

log = logging.getLogger(__name__)


def all_failed(job: Job, session: Session, error: Exception) -> Iterator[Attribution]:
    """What an error leaves of a job."""
    for task in job.tasks:
        for place in task.places:
            yield from without_map(task, place, session, error)


def without_map(task: Task, place: str | None, session: Session, error: Exception) -> Iterator[Attribution]:
    """What an error leaves of a task at a place: a record for every target."""
    status = status_of(error)
    scored = bool(task.method.reads_at(place) & NEEDS_SCORE)
    targets = list(range(len(session.bound.names))) if scored and session.is_bound else [None]
    for target in targets:
        yield attribution(task, place, target, session, status=status, reason=_reason(error, task, place, session))


def _reason(error: Exception, task: Task, place: str | None, session: Session) -> str:
    half_safe = all(sweep.half_safe for sweep in task.method.sweeps_over((place,)))
    return reason_of(error, session, half_safe=half_safe)


def attribution(
    task: Task,
    place: str | None,
    target: int | None,
    session: Session,
    *,
    status: Status = "ok",
    reason: str | None = None,
) -> Attribution:
    """A record of a task's map, without values.

    Args:
        task: Whose.
        place: A layer, or None for the image.
        target: Number of the target; None where none is read.
        session: The image before a model.
        status: What became of it.
        reason: Why there is no map.
    """
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


@dataclass(frozen=True)
class Finish:
    """Makes the attributions of a task at a place out of its readers.

    Attributes:
        task: The task.
        place: A layer, or None for the image.
        session: The image before a model.
        context: What is known of a target there, by its number.
    """

    task: Task
    place: str | None
    session: Session
    context: Callable[[int | None], Context]

    def of(self, reader: Reader) -> Iterator[Attribution]:
        """The maps of a reader: one, or as many as its readout makes."""
        try:
            if reader.error is not None:
                raise reader.error
            parts = reader.readout.several() if isinstance(reader.readout, Several) else [self._whole(reader)]
        except Exception as error:
            parts = [Part(error=_own(error, self.task))]
        for part in parts:
            yield self._attempt(reader, part)

    @staticmethod
    def _whole(reader: Reader) -> Part:
        readout = reader.readout
        values = readout.finish()
        measures = readout.measures() if isinstance(readout, Measured) else {}
        if reader.stopped is None:
            return Part(values=values, measures=measures)
        stopped = f"the deadline came after {reader.stopped} points"
        return Part(values=values, measures={"samples": float(reader.stopped), **measures}, stopped=stopped)

    def _attempt(self, reader: Reader, part: Part) -> Attribution:
        result = attribution(self.task, self.place, reader.target, self.session)
        if part.name is not None and reader.target is None:
            result.target, result.target_index = part.name, part.index
        elif part.name is not None:
            result.target = f"{result.target}, {part.name}"
        result.matched, result.arrays = reader.matched, {n: _plain(array) for n, array in part.arrays.items()}
        try:
            if part.values is None:
                raise part.error or ValueError("the method made no map")
            self._fill(result, reader, part)
        except Exception as error:
            error = _own(error, self.task)
            result.values, result.status = None, status_of(error)
            result.reason = _reason(error, self.task, self.place, self.session)
        return result

    def _fill(self, result: Attribution, reader: Reader, part: Part) -> None:
        assert part.values is not None
        values = _plain(part.values)
        if bad := count_not_finite(values):
            raise ArithmeticError(f"{bad} of {values.numel()} values are NaN or infinite")
        context, image = self.context(reader.target), self.session.image
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
        result.measures = {**self.task.method.measures(values, context), **part.measures}
        result.warnings = (*self.task.method.cautions(result.measures, context), *part.warnings, *notes)

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
