"""What a plan will cost: the beginning of every job is run and timed, and a pass like its own is measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from torchesegeta.errors import ModelError
from torchesegeta.jobs import Job
from torchesegeta.plan.plan import Plan, threads
from torchesegeta.plan.trial import try_job
from torchesegeta.sweeps import NEEDS_BACKWARD, NEEDS_LAYER, NEEDS_SCORE, Contrast, Mask, Optimise, Read, Session
from torchesegeta.sweeps.capture import LayerName
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.memory import PeakMemory
from torchesegeta.sweeps.remedies import remedy

LONG = 30.0
"""Seconds that a trial may take, as far as is known beforehand."""
WORTH_REPEATING = 1.0
"""Seconds below which a measurement is repeated, since the first passes of a process are slower."""
FLOAT = 4
"""Bytes."""
DRAWING = 300 * 2**20
"""Bytes that drawing adds to the worker process and does not give back, as measured; the plan draws nothing."""


@dataclass(frozen=True)
class Estimate:
    """What a job will cost for one image of the first one's size.

    Attributes:
        passes: Forward and backward passes, of single points; of patches, where images are run patch by patch.
        seconds: Wall time of these passes, with the threads that a worker has; without reading images, drawing and
            writing. A job that may stop early, when it knows enough, may take less.
        memory: Bytes at the peak, rather too many than too few, to be held against `peak_memory_bytes` in the
            manifest: on a CPU of the whole process, of which Python, PyTorch and drawing take some 0.7 GiB; on a GPU
            what PyTorch allocates there. It holds weights, the activations kept for the backward pass, gradients,
            records of layers and the readouts' maps.
    """

    passes: dict[str, int]
    seconds: float
    memory: int


@dataclass(frozen=True)
class _Cost:
    """Of a chunk: seconds of a point's forward and backward pass, bytes at the peak."""

    forward: float
    backward: float
    peak: int


def estimate(plan: Plan) -> list[tuple[Job, Estimate]]:
    """What each job will cost for the first image.

    Raises:
        ModelError: A single point does not fit into memory, or the model has no backward pass.
    """
    costs: dict[tuple[int, bool], _Cost] = {}
    results = []
    with _threads_of_a_worker(plan):
        for job in plan.jobs:
            reads = [task.method.reads_at(place) for task in job.tasks for place in task.places]
            backward = any(r & NEEDS_BACKWARD for r in reads)
            most = plan.count(job.sweep) * (1 if plan.first.tiling is None else plan.first.tiling.count)
            kind = (max(1, min(plan.first.piece.chunks(room=job.sweep.room).size, most)), backward)
            if kind not in costs:
                costs[kind] = _measure(plan.first, *kind)
            results.append((job, _estimate(plan, job, costs[kind], kind[0])))
    return results


@contextmanager
def _threads_of_a_worker(plan: Plan) -> Iterator[None]:
    """The processor's threads are shared out among the workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads(plan.config))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _estimate(plan: Plan, job: Job, cost: _Cost, chunk: int) -> Estimate:
    bound = plan.first.bound
    targets = len(bound.names) - len(bound.incompatible)
    passes, seconds = _passes_and_seconds(plan, job, cost, chunk)
    drawing = DRAWING if plan.runner.device.type == "cpu" else 0
    return Estimate(passes, seconds, cost.peak + _records(plan, job, chunk) + _maps(plan, job, targets) + drawing)


def _passes_and_seconds(plan: Plan, job: Job, cost: _Cost, chunk: int) -> tuple[dict[str, int], float]:
    """By a trial; where that would take long by itself, or tells nothing, by the passes that are planned."""
    passes = plan.passes(job)
    seconds = passes["forward"] * cost.forward + passes["backward"] * cost.backward
    if seconds > LONG and seconds * _share_of_a_chunk(plan, job, chunk) > LONG:
        return passes, seconds
    trial = try_job(job, plan.first)
    if trial is not None and plan.config.agreement and job.half_safe:
        with plan.runner.at("float32"):
            trial = trial.and_then(try_job(job, plan.first))
    if trial is None:
        return passes, seconds
    if trial.nudged and isinstance(job.sweep, Contrast):
        patches = 1 if plan.first.tiling is None else plan.first.tiling.count
        passes = {**passes, "forward": passes["forward"] + len(job.sweep.origins) * patches}
    return trial.passes or passes, trial.seconds


def _share_of_a_chunk(plan: Plan, job: Job, chunk: int) -> float:
    """Of all points of a job's first sweep; those of patches may be run before the first chunk is over."""
    if any(isinstance(sweep, Optimise) for sweep in job.sweeps):
        return 0.0  # a trial of pictures ends at the first step that is late
    points = plan.count(job.sweep)
    at_once = points if isinstance(job.sweep, Mask) and plan.first.tiling is not None else chunk
    return min(1.0, 2 * at_once / max(1, points))


def _records(plan: Plan, job: Job, chunk: int) -> int:
    """Bytes of the layers' records: activations, gradients, and changes between corners, of a chunk."""
    tensors: dict[str, int] = {}
    for task in job.tasks:
        for place in task.places:
            read = task.method.reads_at(place)
            if place is not None and read & NEEDS_LAYER:
                copies = chunk * (1 + (Read.LAYER_GRADIENT in read)) + (chunk + 2) * (Read.CHANGE in read)
                tensors[place] = max(copies, tensors.get(place, 0))
    return FLOAT * sum(copies * _size(plan, place) for place, copies in tensors.items())


def _maps(plan: Plan, job: Job, targets: int) -> int:
    """Bytes of the maps that the readouts of a job keep until its end."""
    total = 0
    for task in job.tasks:
        for place in task.places:
            copies = targets if task.method.reads_at(place) & NEEDS_SCORE else 1
            total += copies * _size(plan, place, blended=place is not None)
    if plan.first.tiling is not None:  # gradients that are added up, and predictions that are stitched
        total += _volumes(plan, job, targets)
    return FLOAT * total


def _volumes(plan: Plan, job: Job, targets: int) -> int:
    """Values of the volumes that patches are added up in."""
    session = plan.first
    backward = any(task.method.reads_at(place) & NEEDS_BACKWARD for task in job.tasks for place in task.places)
    gradients = targets * session.data.numel() if backward else 0
    if session.bound.within is not None:
        return gradients
    channels = next((info.shapes[0][0] for info in plan.layers if info.is_output), len(session.bound.names))
    return gradients + (1 + targets * backward) * channels * session.data[0].numel()


def _size(plan: Plan, place: str | None, *, blended: bool = False) -> int:
    """Values of a layer, or of the image; of a layer's map that is blended from patches, those of one channel."""
    shapes = {info.name: info.shapes for info in plan.layers}
    name = LayerName.parse(place or "")
    found = shapes.get(name.module, ())
    if plan.first.tiling is not None and blended:
        return prod(plan.first.tiling.shape)
    output = name.output or 0
    return prod(found[output]) if output < len(found) else plan.first.data.numel()


def _measure(session: Session, chunk: int, scored: bool) -> _Cost:
    try:
        first = _pass(session, chunk, scored)
        again = _pass(session, chunk, scored) if first.forward + first.backward < WORTH_REPEATING else first
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        said, fewer = remedy(session, half_safe=True), ", or a smaller chunk_size" if chunk > 1 else ""
        raise ModelError(f"out of memory with {chunk} points at once: {said}{fewer}") from error
    return _Cost(min(first.forward, again.forward), min(first.backward, again.backward), max(first.peak, again.peak))


def _pass(session: Session, chunk: int, scored: bool) -> _Cost:
    runner, piece = session.alone, session.piece
    points = piece.data.expand(chunk, *piece.data.shape).clone().requires_grad_(scored)
    with PeakMemory(runner.device) as memory:
        start = _now(runner.device)
        with torch.set_grad_enabled(scored):
            output = runner.forward(points, session.image.extras)
            scores = session.bound.score(output) if piece is session else output.flatten(1).sum(1, keepdim=True)
        middle = _now(runner.device)
        if scored and scores.requires_grad:
            _backward(scores, points)
        end = _now(runner.device)
    return _Cost((middle - start) / chunk, (end - middle) / chunk, memory.peak or 0)


def _backward(scores: Tensor, points: Tensor) -> None:
    try:
        torch.autograd.grad(scores[:, 0].sum(), points, allow_unused=True)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(f"the model fails in the backward pass: {type(error).__name__}: {error}") from error


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
