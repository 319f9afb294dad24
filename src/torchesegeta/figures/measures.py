"""Figures computed with a map, by the names that people read."""

from __future__ import annotations

from collections.abc import Mapping

BEFORE, REACHED = "_before", "_reached"
ABBREVIATIONS = {"ssim": "SSIM", "hog": "HOG"}


def told(measures: Mapping[str, float | None]) -> dict[str, tuple[float, ...]]:
    """Measures by name in words; what an optimisation began and ended with is one, of two numbers.

    Those without a value are left out.
    """
    found: dict[str, tuple[float, ...]] = {}
    for key, value in measures.items():
        whole = key.removesuffix(BEFORE).removesuffix(REACHED)
        before, reached = measures.get(whole + BEFORE), measures.get(whole + REACHED)
        if before is not None and reached is not None:
            found[in_words(whole)] = (before, reached)
        elif value is not None:
            found[in_words(key)] = (value,)
    return found


def in_words(key: str) -> str:
    """A key such as "completeness_gap" as "completeness gap"."""
    return " ".join(ABBREVIATIONS.get(part, part) for part in key.split("_"))
