"""The sizes in which a dream is dreamt: from a small image to the image itself."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

COARSEST = 32
"""Networks that halve the image five times are the deepest that sizes are rounded for."""


def octave_sizes(spatial: Sequence[int], count: int, scale: float) -> list[tuple[int, ...]]:
    """Spatial shapes from the smallest to the image's own, each `scale` times the one before.

    Sizes are rounded to multiples of the largest power of two, up to 32, that divides the image's: a network that takes
    the image then takes them too. Shapes that come out alike are one, so there may be fewer than asked for.

    Args:
        spatial: The image's.
        count: How many are wanted.
        scale: More than 1.
    """
    found = (tuple(_rounded(size, scale**step) for size in spatial) for step in reversed(range(count)))
    return list(dict.fromkeys(found))


def _rounded(size: int, by: float) -> int:
    unit = gcd(size, COARSEST)
    return unit * max(1, round(size / by / unit))
