"""Times of two pieces of work, taken in turn, as a ratio: machines drift, pairs do not."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """Our time over another's, pair by pair.

    Attributes:
        median: Median of the ratios.
        low: First quartile.
        high: Third quartile.
        seconds: Median of our times.
        pairs: Number of pairs.
    """

    median: float
    low: float
    high: float
    seconds: float
    pairs: int


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What a call gives, and its wall time in seconds."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def seconds_of(work: Work) -> float:
    """Wall time of one call."""
    return timed(work)[1]


def compare(ours: Work, theirs: Work, pairs: int, *, warm_up: bool = True) -> Ratio:
    """Time two pieces of work in turn, after one call of each to warm up; the order changes with every pair."""
    if warm_up:
        seconds_of(ours), seconds_of(theirs)
    times: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2:
            second, first = seconds_of(theirs), seconds_of(ours)
        else:
            first, second = seconds_of(ours), seconds_of(theirs)
        times.append((first, second))
    return ratio_of(times)


def ratio_of(times: Sequence[tuple[float, float]]) -> Ratio:
    """Of pairs of times, ours first."""
    ratios = sorted(a / b for a, b in times)
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(times) > 1 else (ratios * 3)[:3]
    return Ratio(statistics.median(ratios), low, high, statistics.median(a for a, _ in times), len(times))
