"""What a map must have for a metric to be defined: a number that says nothing of a map is not given."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError

Needs = Literal["nothing", "mass", "order"]

ROUNDING = 8
"""Units in the last place of the largest magnitude that values differ by which are the same but for rounding."""


def check_values(values: Tensor) -> None:
    """Refuse a map that holds what is no number.

    Raises:
        IncompatibleError: It does.
    """
    lost = int((~values.isfinite()).sum())
    if lost:
        raise IncompatibleError(f"undefined: {lost} of the map's {values.numel()} values are NaN or infinite")


def check_needs(needs: Literal["mass", "order"], values: Tensor, metric: str) -> None:
    """Refuse a map that has nothing of what a metric looks at.

    Args:
        needs: `mass`, values that are not all 0; `order`, values that differ by more than rounding.
        values: Of any shape, finite.
        metric: Its name.

    Raises:
        IncompatibleError: The map has none, so the metric has no value for it.
    """
    least, most = float(values.min()), float(values.max())
    if least == most == 0:
        raise IncompatibleError(f"undefined: the map is zero everywhere, and shows nothing that {metric!r} could judge")
    if needs == "order" and is_even(least, most):
        raise IncompatibleError(
            f"undefined: the map is the same everywhere ({most:.4g}), and shows nothing that {metric!r} could judge"
        )


def is_even(least: float, most: float) -> bool:
    """Whether values between two numbers, in float32, are the same but for rounding."""
    return most - least <= ROUNDING * torch.finfo(torch.float32).eps * max(abs(least), abs(most))
