"""Numbers as figures show them."""

from __future__ import annotations

from math import floor, log10

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Two digits of a number, in at most nine letters: up to thousands as it is, beyond as −5.4·10⁴."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{round(value, 1 - floor(log10(abs(value)))):.4g}".partition("e")
    power = f"·10{str(int(exponent)).translate(RAISED)}" if exponent else ""
    return f"{mantissa}{power}".replace("-", "−")
