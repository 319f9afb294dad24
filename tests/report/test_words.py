from __future__ import annotations

import numpy as np
import pytest

from torchesegeta.report import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.004, "0.004 s"), (1.25, "1.2 s"), (42.0, "42 s"), (125.0, "2 min 5 s"), (3780.0, "1 h 3 min")],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(None, "–"), (512, "512 B"), (1.5e6, "1.5 MB"), (2.25e9, "2.25 GB")])
def test_sizes(count: float | None, said: str) -> None:
    assert words.size(count) == said


def test_lists() -> None:
    assert words.parameters({"steps": 3, "absolute": True, "sigma": None}) == "steps = 3, absolute = true"
    assert words.measures({"completeness_gap": 0.5, "auc": None}) == "completeness gap 0.5"
    assert words.moment("yesterday") == "yesterday" and words.moment(None) == "–"


def test_names_of_maps() -> None:
    record = {"method": "saliency", "label": "saliency", "target": "1", "target_index": 1, "image": "head"}
    assert words.name_of(record, "Saliency") == "Saliency for class 1 on head"
    assert (
        words.name_of({**record, "target": "vessel", "layer": "enc"}, "Saliency")
        == "Saliency for vessel at enc on head"
    )


def test_orientations() -> None:
    assert words.orientation(np.diag([-1.0, 1, 1, 1]), 3) == "left, anterior, superior (LAS)"
    assert words.orientation(np.eye(4), 2) == "right, anterior (RA)"
    assert words.orientation(None, 3) == "no place in space"
