"""Slopes in float16: scaled by a power of two on the way back, so that small ones do not vanish, and scaled back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from torchesegeta.errors import ModelError

STEP = 8
"""By so many powers of two the level is moved at once."""
TRIES = 4
SMALL = 2.0**-8
"""A largest slope, as scaled, below which digits of smaller ones are lost: float16 has all of them down to `LEAST`."""
LEAST = 2.0**-14


class Scaling:
    """The scale of a model's backward passes.

    Where the score has no slope at the output at all, nothing vanishes: gradients are 0.

    Attributes:
        level: The largest slope that starts is brought to 2^level. Moved where slopes overflow or get too small on the
            way; later passes begin with what served.
    """

    def __init__(self) -> None:
        self.level = 6
        self._trying: int | None = None
        self._factor: float | None = None
        self._flat = False

    def watch(self, output: Tensor) -> Tensor:
        """An output whose slope is scaled on its way back into the model."""
        own = output.view_as(output)
        own.register_hook(self._scaled)  # type: ignore[no-untyped-call]
        return own

    def _scaled(self, slope: Tensor) -> Tensor | None:
        if self._trying is None:  # whoever takes gradients by other means gets them unscaled
            return None
        if self._factor is None:
            self._factor = _factor([slope], self._trying)
            self._flat = not bool(slope.any())
        return slope * self._factor

    def gradients(
        self, ends: Sequence[Any], wanted: Sequence[Any], starts: Sequence[Tensor] | None, *, keep: bool, strict: bool
    ) -> list[Tensor | None]:
        """As `Arithmetic.gradients`; where all tries overflow, infinite or NaN.

        Raises:
            ModelError: Nothing is left of them on the way, or too few digits, and `strict`.
        """
        level, fell = self.level, False
        for left in reversed(range(TRIES)):
            found, factor = self._at(level, ends, wanted, starts, keep=keep or left > 0)
            largest = [float(f.abs().max()) for f in found if f is not None and f.numel()]
            if not all(map(math.isfinite, largest)):
                level, fell = level - STEP, True
                continue
            if fell or self._flat or not largest or min(largest) >= SMALL or not left:
                self.level = level if any(largest) else self.level
                break
            level += STEP
        if strict and not self._flat and any(size < LEAST for size in largest):
            raise ModelError("the gradient vanishes in float16")
        return [None if f is None else f / factor for f in found]

    def _at(
        self, level: int, ends: Sequence[Any], wanted: Sequence[Any], starts: Sequence[Tensor] | None, *, keep: bool
    ) -> tuple[list[Tensor | None], float]:
        """The gradients as scaled, and their factor. Starts at layers are scaled here, the output's when it is met."""
        self._trying, self._factor, self._flat = level, None, False
        if starts is not None:
            inner = [isinstance(end, GradientEdge) for end in ends]
            if any(inner):
                self._factor = _factor([s for s, at_layer in zip(starts, inner, strict=True) if at_layer], level)
            factors = [self._factor or 1.0 if at_layer else 1.0 for at_layer in inner]
            starts = [s * factor for s, factor in zip(starts, factors, strict=True)]
        try:
            found = torch.autograd.grad(ends, wanted, starts, retain_graph=keep, allow_unused=True)
        finally:
            self._trying = None
        return [None if f is None else f.float() for f in found], self._factor or 1.0


def _factor(slopes: Sequence[Tensor], level: int) -> float:
    """The power of two that brings the largest slope near 2^level."""
    largest = max(float(slope.abs().max()) for slope in slopes)
    if not 0 < largest < math.inf:
        return 1.0
    return 2.0 ** max(-100, min(100, level - math.ceil(math.log2(largest))))
