from __future__ import annotations

import pytest

from torchesegeta.figures.numbers import number


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1234, "1200"), (-54321, "−5.4·10⁴"), (1e6, "1·10⁶"), (0.00012, "0.00012"), (-1.26e-10, "−1.3·10⁻¹⁰")],
)
def test_two_digits_and_no_exponent_up_to_thousands(value: float, words: str) -> None:
    assert number(value) == words
