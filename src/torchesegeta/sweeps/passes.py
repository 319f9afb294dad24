"""Single passes: forward with records of layers, backward for one target, activations alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from torchesegeta.errors import IncompatibleError, ModelError
from torchesegeta.sweeps.capture import Capture, Record, Stop
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.session import Session


def forward_pass(
    session: Session,
    batch: Tensor,
    layers: Sequence[str],
    *,
    scored: bool,
    whole: bool | None = None,
    borrow: bool = False,
) -> tuple[Tensor | None, Capture]:
    """Run a batch forward and record layers.

    Args:
        session: The image before a model.
        batch: (B, C, *spatial); set to require a gradient when `scored`.
        layers: To record.
        scored: Keep the graph.
        whole: Run to the end; else stop after the deepest layer. None: as `scored`.
        borrow: Whether the records are read before the next pass; then the last layer's is no copy.

    Returns:
        The raw output, or None where the pass stopped early, and the records.
    """
    runner = session.runner
    batch.requires_grad_(scored)
    capture = Capture(layers, runner.calls, stop=not (scored if whole is None else whole), borrow=borrow)
    output = None
    with torch.set_grad_enabled(scored), capture.watching(runner.model), suppress(Stop):
        output = runner.forward(batch, session.image.extras)
        runner.calls.update(capture.calls)
    return output, capture


def finite_scores(session: Session, output: Tensor) -> Tensor:
    """Scores (B, K) of an output.

    Raises:
        ModelError: One is NaN or infinite.
    """
    scores = session.bound.score(output)
    require_finite(session, scores)
    return scores


def require_finite(session: Session, scores: Tensor) -> None:
    """Refuse scores (B, K) that are none.

    Raises:
        ModelError: One is NaN or infinite.
    """
    if not bool(torch.isfinite(scores).all()):
        raise ModelError(f"the score of {session.image.name!r} is NaN or infinite at a point of the sweep")


@torch.no_grad()
def score_pass(session: Session, batch: Tensor, editing: AbstractContextManager[None]) -> Tensor:
    """Scores (B, K) of a batch of points, all targets from one forward pass.

    Args:
        session: The image before a model.
        batch: The points.
        editing: Open while the model runs.

    Raises:
        ModelError: A score is NaN or infinite.
    """
    with editing:
        output = session.runner.forward(batch, session.image.extras)
    return finite_scores(session, output)


def backward_pass(
    session: Session,
    score: Tensor,
    batch: Tensor | None,
    edges: dict[str, GradientEdge | None],
    *,
    keep: bool,
) -> tuple[Tensor | None, dict[str, Tensor | IncompatibleError]]:
    """Gradients of one target, no further back than they are read.

    Args:
        session: The image before a model.
        score: (B,).
        batch: The points, when their gradient is read.
        edges: Where to take the gradients of layers.
        keep: Keep the graph for another target.

    Returns:
        The gradient at the points, and of every layer; an error for layers that the score does not depend on.

    Raises:
        IncompatibleError: The score has no gradient at all.
        ModelError: Autograd cannot go back through the model.
    """
    if not score.requires_grad:
        raise IncompatibleError(
            "the score has no gradient: the model runs under torch.no_grad(), detaches its output, or ignores the image"
        )
    slopes: dict[str, Tensor | IncompatibleError] = {}
    known = {layer: edge for layer, edge in edges.items() if edge is not None}
    wanted: list[Any] = [*([] if batch is None else [batch]), *known.values()]
    found: list[Tensor | None] = []
    if wanted:
        session.runner.count_backward(len(score))
        found = _gradients(session, score, wanted, keep=keep)
    at_input = found.pop(0) if batch is not None else None
    if batch is not None and at_input is None:
        at_input = torch.zeros_like(batch)
    for layer, slope in zip(known, found, strict=True):
        slopes[layer] = IncompatibleError(f"the score does not depend on layer {layer!r}") if slope is None else slope
    for layer in edges.keys() - known:
        slopes[layer] = IncompatibleError(f"layer {layer!r} does not depend on the image")
    return at_input, slopes


def _gradients(session: Session, score: Tensor, wanted: list[Any], *, keep: bool) -> list[Tensor | None]:
    try:
        return session.runner.gradients([score.sum()], wanted, keep=keep)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(f"the model has no backward pass: {error}") from error


def seeded_pass(
    session: Session,
    layer: str,
    record: Record,
    batch: Tensor | None,
    edges: dict[str, GradientEdge | None],
    starts: Sequence[tuple[float, Tensor]],
) -> tuple[Tensor | None, dict[str, Tensor | IncompatibleError]]:
    """Gradients that start at a layer; the graph is kept.

    Args:
        session: The image before a model.
        layer: Its name.
        record: What it put out.
        batch: The points, when the gradient there is read.
        edges: Where to take those of layers.
        starts: Weights, and gradients (B, *layer) that start there.

    Returns:
        The weighted sum of what comes back, at the points and at every layer; an error for layers that are not reached.

    Raises:
        IncompatibleError: The layer does not depend on the image.
    """
    if record.edge is None:
        raise IncompatibleError(f"layer {layer!r} does not depend on the image")
    known = {name: edge for name, edge in edges.items() if edge is not None}
    wanted: list[Any] = [*([] if batch is None else [batch]), *known.values()]
    sums: list[Tensor | None] = [None] * len(wanted)
    for weight, start in starts:
        session.runner.count_backward(len(start))
        found = session.runner.gradients([record.edge], wanted, [start], keep=True)
        parts = [None if f is None else weight * f for f in found]
        sums = [p if s is None else s if p is None else s + p for s, p in zip(sums, parts, strict=True)]
    at_input = sums.pop(0) if batch is not None else None
    if batch is not None and at_input is None:
        raise IncompatibleError(f"layer {layer!r} does not depend on the image")
    missed = {name: IncompatibleError(f"layer {layer!r} does not depend on layer {name!r}") for name in edges}
    return at_input, missed | {n: s for n, s in zip(known, sums, strict=True) if s is not None}


@torch.no_grad()
def activations_at(session: Session, point: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """Activations of layers at a point (C, *spatial), without a batch axis; the pass goes no further than they are."""
    wanted = list(layers)
    _, capture = forward_pass(session, point[None].clone(), wanted, scored=False)
    return {layer: capture.record(layer).values[0] for layer in wanted}
