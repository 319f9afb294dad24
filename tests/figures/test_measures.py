from __future__ import annotations

from torchesegeta.figures.measures import told


def test_an_objective_is_told_with_both_its_ends() -> None:
    measures = {"objective_reached": 5.0, "steps": 30.0, "objective_before": 0.1, "ssim": 0.62, "lost": None}
    assert told(measures) == {"objective": (0.1, 5.0), "steps": (30.0,), "SSIM": (0.62,)}


def test_one_end_alone_keeps_its_name() -> None:
    assert told({"objective_before": 0.1, "gap_reached": None}) == {"objective before": (0.1,)}
