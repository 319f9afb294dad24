"""Every method's maps can be judged: metrics ask for the jobs that made them, whatever these are."""

from __future__ import annotations

from typing import Any

import pytest

import torchesegeta as te
from tests.conformance.rows import ROWS
from tests.conformance.subject import Subject

METRICS: list[Any] = [
    {"name": "infidelity", "samples": 2},
    {"name": "sensitivity", "samples": 1},
    {"name": "cascading_randomisation", "steps": 1},
]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_maps_of_every_method_can_be_judged(name: str) -> None:
    row = ROWS[name]
    subject = Subject(name, row, "segmentation", 2)
    maps, one = subject.explain(), subject.image()
    images = [one, 0.5 * one.flip(0), 1 - one] if row.of_set else one
    for score in te.evaluate(subject.model, images, list(maps), METRICS):
        reason = score.reason or ""
        if maps[0].shows == "picture":
            assert score.status == "incompatible" and "picture" in reason
        elif score.target is None and score.metric == "infidelity":
            assert score.status == "incompatible" and "no target" in reason
        elif score.metric == "cascading_randomisation" and score.status == "incompatible":
            assert "the same everywhere" in reason  # at random weights nothing wins, or nothing is active
        else:
            assert score.status == "ok", f"{score.metric}: {reason}"
