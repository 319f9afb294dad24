"""Trained networks: how they are built, how their weights come in, and which part of their output is explained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from torchesegeta.models.checkpoint import load_checkpoint
from torchesegeta.models.factory import build
from torchesegeta.models.formats import (
    MODULE,
    Format,
    as_module,
    format_of,
    graphs,
    kind_of,
    model_dims,
    takes_single_points,
)
from torchesegeta.models.output import pick_output
from torchesegeta.models.program import load_program

__all__ = [
    "MODULE",
    "Format",
    "as_module",
    "build",
    "format_of",
    "graphs",
    "kind_of",
    "load_checkpoint",
    "load_model",
    "load_program",
    "model_dims",
    "pick_output",
    "takes_single_points",
]


def load_model(
    factory: str, arguments: Mapping[str, Any], checkpoint: Path | None, *, seed: int, folder: Path
) -> tuple[nn.Module, list[str]]:
    """Builds a model and gives it its weights.

    Args:
        factory: "package.module:Name" or "file.py:Name".
        arguments: Keyword arguments of the factory.
        checkpoint: A weights file, or None to keep the weights the factory drew.
        seed: The factory draws its weights under this seed.
        folder: Relative paths of `factory` and `checkpoint` are relative to it.

    Returns:
        The model in eval mode, `requires_grad` as the factory left it, and what the user must know about it.

    Raises:
        ConfigError: The factory does not exist or does not take these arguments.
        ModelError: The factory fails, or the weights cannot be read or do not fit.
    """
    model = build(factory, arguments, seed=seed, folder=folder)
    if checkpoint is None:
        warnings = ["random weights (no checkpoint): what is explained is the architecture, nothing that was learnt"]
    else:
        warnings = load_checkpoint(model, folder / checkpoint)
    return model.eval(), warnings
