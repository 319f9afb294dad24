"""The baseline's tape: what went into the ruled operations at the baseline, in the order of their calls."""

from __future__ import annotations

from collections import deque

from torch import Tensor

from torchesegeta.errors import IncompatibleError


class Tape:
    """Written in a baseline's pass, read once in the image's; what was read is freed."""

    def __init__(self) -> None:
        self._entries: deque[tuple[str, tuple[Tensor, ...]]] = deque()

    def write(self, name: str, inputs: tuple[Tensor, ...]) -> None:
        """Note a call."""
        self._entries.append((name, tuple(t.detach().clone() for t in inputs)))

    def read(self, name: str, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The baseline's inputs of the next call.

        Raises:
            IncompatibleError: The baseline took another path through the model.
        """
        noted = self._entries.popleft() if self._entries else ("nothing more", ())
        shapes = [tuple(t.shape) for t in noted[1]]
        if noted[0] != name or shapes != [tuple(t.shape) for t in inputs]:
            raise IncompatibleError(
                f"the baseline takes another path through the model than the image: {noted[0]} {shapes} for {name}"
            )
        return noted[1]

    def check_empty(self) -> None:
        """Refuse a path that was longer at the baseline.

        Raises:
            IncompatibleError: With the operation that follows.
        """
        if self._entries:
            raise IncompatibleError(
                f"the baseline takes another path through the model than the image: {self._entries[0][0]} follows there"
            )
