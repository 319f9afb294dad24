"""What comes of a metric and a map: a measurement, or the error in its place."""

from __future__ import annotations

from collections.abc import Callable

from torchesegeta.metrics.base import Measurement
from torchesegeta.sweeps.chunks import is_out_of_memory

Outcome = Measurement | Exception


def attempt(make: Callable[[], Measurement]) -> Outcome:
    """A measurement, or the error that it cost.

    Raises:
        Exception: Memory ran out, which costs more.
    """
    try:
        return make()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return error
