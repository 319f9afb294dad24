"""What an error makes of a map, in words."""

from __future__ import annotations

from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.sweeps import Session
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.remedies import remedy
from torchesegeta.types import Status

OUT_OF_MEMORY = "out of memory"
"""How the reason begins of maps that memory ran out for."""


def status_of(error: Exception) -> Status:
    """What an error makes of a map."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return "incompatible" if isinstance(error, IncompatibleError) else "failed"


def reason_of(error: Exception, session: Session, *, half_safe: bool = True) -> str:
    """What an error says, for the record of what it cost.

    Args:
        error: What happened.
        session: Where.
        half_safe: Whether half precision might have helped.
    """
    if is_out_of_memory(error):
        one = "point" if session.tiling is None else "patch"
        return f"{OUT_OF_MEMORY} with a single {one} at once: {remedy(session, half_safe=half_safe)} ({error})"
    return str(error) if isinstance(error, EsegetaError | TimeoutError) else f"{type(error).__name__}: {error}"
