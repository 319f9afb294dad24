"""Gradient checkpointing, switched off for a pass: it would run operations again out of a rule's sight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from torch.utils import checkpoint


class _Direct:
    """`CheckpointFunction` that runs the function and keeps its graph."""

    @staticmethod
    def apply(function: Any, _preserve: Any, *arguments: Any) -> Any:
        """Run it."""
        return function(*arguments)


def _direct(*_arguments: Any, **_options: Any) -> Iterator[None]:
    yield


@contextmanager
def without_checkpoints() -> Iterator[None]:
    """Both kinds of checkpointing keep their graph inside; values and gradients are the same, memory is not saved."""
    with (
        patch.object(checkpoint, "CheckpointFunction", _Direct),
        patch.object(checkpoint, "_checkpoint_without_reentrant_generator", _direct),
    ):
        yield
