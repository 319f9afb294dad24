"""What a plan says a job takes, beside what it takes; in processor time, which other processes disturb less."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchesegeta.config import parse_config
from torchesegeta.plan import Plan, estimate, planned
from torchesegeta.plan.trial import PATIENCE, Beginning, Enough
from torchesegeta.precise import run_precisely

FACTOR = 1.5
WORTH_TELLING = 0.3
"""Seconds below which a job's time is no more than that of its first passes."""
METHODS: list[Any] = [
    {"name": "integrated_gradients", "steps": 60},
    {"name": "smoothgrad", "samples": 60},
    {"name": "lrp"},
    {"name": "deeplift_shap", "baselines": ["zero", "blur", "minimum", "mean"]},
    {"name": "guided_integrated_gradients", "steps": 16},
    {"name": "occlusion", "window": 6},
    {"name": "rise", "masks": 100},
    {"name": "layer_conductance", "steps": 40},
    {"name": "class_image", "steps": 20},
]
PICTURES: list[Any] = [
    {"name": "layer_visualization", "filter": "all", "steps": 30, "layers": ["encoder.0"]},
    {"name": "feature_visualization", "channels": [0, 3], "size": 16, "steps": 100, "layers": ["encoder.0"]},
    {"name": "deep_dream", "steps": 40},
    {"name": "kernel_shap", "samples": 300},
]


def config(folder: Path, methods: list[Any], **changes: Any) -> Any:
    np.save(folder / "a.npy", np.random.default_rng(0).random((1, 24, 24, 24), dtype=np.float32))
    arguments = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
    return parse_config(
        {
            "model": {"factory": "torchesegeta.models.nets:UNet", "arguments": arguments},
            "images": [{"path": "a.npy"}],
            "target": {"kind": "multiclass"},
            "methods": methods,
            "output": "run",
            **changes,
        },
        folder,
    )


def compare(plan: Plan) -> dict[str, tuple[float, float]]:
    """Foreseen and measured seconds by the first method of each job."""
    found = {}
    for job, cost in estimate(plan):
        start = time.perf_counter()
        maps = list(run_precisely(job, plan.first, agreement=plan.config.agreement))
        assert any(one.has_map for one in maps), [one.reason for one in maps]
        twice = plan.config.agreement  # what a map says is what its own run took
        seconds = time.perf_counter() - start if twice else max(one.seconds for one in maps)
        found[job.tasks[0].label] = (cost.seconds, seconds)
    return found


def test_what_comes_before_the_first_chunk_is_no_part_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    seen = Beginning(whole=False)
    now[0] = 9.0
    seen.progress(1, 64)
    now[0] = 9.5
    with pytest.raises(Enough):
        seen.progress(2, 64)
    assert seen.foreseen == 9 + 63 * 0.5
    slow = Beginning(whole=False)
    now[0] += PATIENCE + 1
    with pytest.raises(Enough):
        slow.progress(1, 4)
    assert slow.foreseen == 4 * (PATIENCE + 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("methods", "changes"),
    [
        (METHODS, {}),
        (PICTURES, {}),
        (METHODS, {"patches": {"size": 16, "overlap": 0.25}}),
        (METHODS[:2], {"precision": "bfloat16", "agreement": True}),
    ],
    ids=["whole", "pictures", "patches", "agreement"],
)
def test_jobs_take_what_the_plan_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: list[Any], changes: Any
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(time, "perf_counter", time.process_time)
    try:
        with planned(config(tmp_path, methods, **changes)) as plan:
            found = compare(plan)
    finally:
        torch.set_num_threads(threads)
    long = {label: times for label, times in found.items() if max(times) > WORTH_TELLING}
    assert len(long) > 1
    off = {label: times for label, times in long.items() if not 1 / FACTOR < times[0] / times[1] < FACTOR}
    assert not off
