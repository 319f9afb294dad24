"""Objectives that compare the pictures of one problem."""

from __future__ import annotations

from torch import Tensor

from torchesegeta.errors import IncompatibleError


def several(activation: Tensor, what: str) -> Tensor:
    """The activation, where it is of two pictures or more.

    Raises:
        IncompatibleError: It is of one.
    """
    if len(activation) < 2:
        raise IncompatibleError(f"{what} compares the pictures of one problem; there is only one")
    return activation
