"""What a plan says a whole run takes: its jobs handed out as in a run, and all that comes with maps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from torchesegeta.config import load_config
from torchesegeta.execute import forecast as module
from torchesegeta.execute.forecast import end_of, forecast
from torchesegeta.execute.tickets import Ticket
from torchesegeta.plan import planned

from .project import Project

FACTOR = 1.5
EVALUATION = {
    "metrics": ["gini", {"name": "infidelity", "samples": 24}, {"name": "deletion", "steps": 8}, "sensitivity"],
    "cascading_randomisation": {"methods": ["saliency"], "steps": 3},
}


def ticket(image: str, cost: int, kind: Any = "maps") -> Ticket:
    return Ticket(image, (f"{kind} {cost}",), cost, kind=kind)


def end(tickets: Sequence[Ticket], starts: Sequence[float], preparing: float = 0.0) -> float:
    return end_of(tickets, lambda one: float(one.passes), starts, preparing)


def test_one_worker_does_one_after_the_other() -> None:
    tickets = [ticket("a", 3), ticket("a", 5), ticket("b", 2), ticket("a", 4, "scores")]
    assert end(tickets, [1.0]) == 1 + 3 + 5 + 2 + 4
    assert end(tickets, [1.0], preparing=10.0) == 15 + 2 * 10, "its scores come while a is at hand"
    assert end([], [1.0]) == 1


def test_several_workers_share_what_costs_most_first() -> None:
    tickets = [ticket("a", 2), ticket("a", 3), ticket("a", 5)]
    assert end(tickets, [0.0, 0.0]) == 5
    assert end([ticket("a", 9), *tickets], [0.0, 0.0, 0.0, 0.0]) == 9
    assert end(tickets, [0.0, 4.0]) == 7, "the second begins later"


def test_scores_wait_for_the_maps_of_their_image() -> None:
    tickets = [ticket("a", 2), ticket("a", 6), ticket("a", 1, "scores"), ticket("b", 3)]
    assert end(tickets, [0.0, 0.0, 0.0]) == 7
    assert end([ticket("a", 6), ticket("a", 2, "scores"), ticket("a", 3, "scores")], [0.0] * 4) == 9


@pytest.mark.parametrize("changes", [{}, {"execution": {"workers_per_device": 2}}, {"figures": False}])
def test_a_forecast_has_every_part(tmp_path: Path, changes: dict[str, Any]) -> None:
    project = Project(tmp_path)
    evaluation = {"metrics": ["gini", {"name": "infidelity", "samples": 4}, {"name": "sensitivity", "samples": 2}]}
    methods = ["saliency", "gradcam", "input_x_gradient"]
    with planned(load_config(project.config(methods=methods, evaluation=evaluation, **changes))) as plan:
        found = forecast(plan)
        assert min(found.scores) > 0 and len(found.scores) == len(plan.examinations)
        assert found.finishing > 0
        assert found.run > module.STARTING + max(cost.seconds for _, cost in found.jobs)
    assert not project.output.exists(), "a plan writes nothing"


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"patches": {"size": 24, "overlap": 0.25}}], ids=["whole", "patches"])
def test_a_run_takes_what_the_plan_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """In processor time, which other processes disturb less; the worker is a thread, so there is nothing to start."""
    project = Project(tmp_path)
    project.image("a.nii.gz", (40, 36, 32))
    model = {
        "factory": "torchesegeta.models.nets:UNet",
        "arguments": {"spatial_dims": 3, "in_channels": 1, "out_channels": 2},
    }
    methods: list[Any] = [
        "saliency",
        "gradcam",
        {"name": "smoothgrad", "samples": 12},
        {"name": "occlusion", "window": 8},
    ]
    path = project.config(methods=methods, model=model, layers=None, evaluation=EVALUATION, **changes)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(time, "perf_counter", time.process_time)
    try:
        with planned(load_config(path)) as plan:
            foreseen = forecast(plan).run - module.STARTING
        begun = time.process_time()
        events = project.run(path)
        took = time.process_time() - begun
    finally:
        torch.set_num_threads(threads)
    assert events[-1]["kind"] == "finished", events[-1]
    assert 1 / FACTOR < foreseen / took < FACTOR, (foreseen, took)
