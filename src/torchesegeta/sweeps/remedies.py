"""What to try when memory runs out with a single point: the next smaller precision, the next smaller patch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torchesegeta.errors import ConfigError, ModelError
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.precision import check_precision
from torchesegeta.sweeps.session import Session
from torchesegeta.types import Precision

LESS: dict[Precision, tuple[Precision, ...]] = {"float32": ("amp", "bfloat16"), "amp": ("bfloat16",)}
"""Precisions that hold less, the nearest first."""
SHARE = 0.75
"""Of a patch's length."""
COARSE, FINE = 16, 8
"""What the lengths of large and of small patches are multiples of, so that networks that halve them take them."""


def remedy(session: Session, *, half_safe: bool) -> str:
    """What exists for this run, in words.

    Args:
        session: Where memory ran out.
        half_safe: Whether what ran may run in half precision.
    """
    precision = _smaller_precision(session) if half_safe else None
    size = _smaller_patch(session)
    offers = [
        *([] if precision is None else [f"precision {precision!r}"]),
        *([] if size is None else [f"patches of size {size}"]),
        "a smaller image or a crop",
    ]
    return f"try {' or '.join(offers)}" if len(offers) < 3 else f"try {', '.join(offers[:-1])} or {offers[-1]}"


def suspicion(session: Session, *, half_safe: bool) -> str:
    """What to try where a process was killed, perhaps since memory ran out: nobody can ask it; in words.

    Args:
        session: What it ran, or an image like it.
        half_safe: As of `remedy`.
    """
    return f"if memory ran out, a smaller 'chunk_size' may need less; else {remedy(session, half_safe=half_safe)}"


@contextmanager
def saying_what_to_try(session: Session) -> Iterator[None]:
    """Open while an image is run for the first time.

    Raises:
        ModelError: Memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        said = remedy(session, half_safe=True)
        raise ModelError(f"out of memory with image {session.image.name!r} alone: {said} ({error})") from error


def _smaller_precision(session: Session) -> Precision | None:
    """The nearest that the model's format allows."""
    for precision in LESS.get(session.runner.precision, ()):
        try:
            check_precision(session.runner.model, precision)
        except ConfigError:
            continue
        return precision
    return None


def _smaller_patch(session: Session) -> list[int] | None:
    """The next smaller patch; of whole images the first one, where the prediction is a map on their grid."""
    if session.tiling is not None:
        return _reduced(session.tiling.model_shape)
    mapped = session.prediction is not None and tuple(session.prediction.shape) == session.image.shape
    return _reduced(session.image.shape) if mapped else None


def _reduced(size: Sequence[int]) -> list[int] | None:
    """Three quarters of a size; None where that is too small."""
    steps = [COARSE if n > 2 * COARSE else FINE for n in size]
    smaller = [min(n, max(FINE, int(SHARE * n) // step * step)) for n, step in zip(size, steps, strict=True)]
    return smaller if smaller != list(size) else None
