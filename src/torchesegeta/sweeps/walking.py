"""The passes of a guided path: one after the other, for each target apart."""

from __future__ import annotations

import time
from functools import partial

from torch import Tensor

from torchesegeta.sweeps.base import Progress, Sample
from torchesegeta.sweeps.guided_path import Walk
from torchesegeta.sweeps.passes import backward_pass, finite_scores, forward_pass
from torchesegeta.sweeps.patch_passes import gradient_at
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.session import Session


def walk(
    path: Walk,
    readers: Readers,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> None:
    """Walk the path of every target: each gradient decides on the next point.

    Args:
        path: Where it begins, and how a gradient leads it on.
        readers: Opened.
        progress: Called after each step with the steps done and the steps in all.
        deadline: As of `run_sweep`.

    Raises:
        IncompatibleError: The target has no gradient.
    """
    readers.session.require_gradient()
    steps, targets = len(path.weights), sorted({r.target for r in readers.opened if r.target is not None})
    for number, target in enumerate(targets):
        path.restart()
        for step in range(steps):
            sample = _step(path, step, readers.session, target)
            for reader in readers.waiting(range(step, step + 1)):
                if reader.target == target:
                    readers.hand(reader, partial(_same, sample), range(step, step + 1))
            readers.seen.clear()
            if progress is not None:
                progress(number * steps + step + 1, len(targets) * steps)
            if deadline is not None and time.monotonic() >= deadline:
                readers.expire(number * steps + step + 1, len(targets) * steps)
                return


def _step(path: Walk, step: int, session: Session, target: int) -> Sample:
    slope = _slope(path.at(range(step, step + 1)), session, target)
    sample = Sample(path.weights[step : step + 1], range(step, step + 1), input_gradient=slope)
    sample.input_change = path.advance(slope[0], step)[None]
    return sample


def _slope(batch: Tensor, session: Session, target: int) -> Tensor:
    """The target's gradient at a point, (1, C, *spatial)."""
    if session.tiling is not None:
        return gradient_at(session, batch, target)
    output, _ = forward_pass(session, batch, (), scored=True)
    assert output is not None
    slope, _ = backward_pass(session, finite_scores(session, output)[:, target], batch, {}, keep=False)
    assert slope is not None
    return slope


def _same(sample: Sample) -> Sample:
    return sample
