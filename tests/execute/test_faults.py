"""Every way to go wrong costs its own maps only. Starting a process anew takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torchesegeta.execute import Event, deadlines, execute
from torchesegeta.ledger import read_manifest

from .plugins import install
from .project import Project

LIMITED: list[Any] = [
    {"name": "hangs", "timeout_s": 1},
    {"name": "hangs_natively", "timeout_s": 1},
    {"name": "saliency", "label": "patient", "timeout_s": 1},
]
FAULTY = ["kills_itself", "crashes", "raises", "devours", "is_nan", "misshapen", "leaves_a_hook"]


@pytest.fixture
def faulty(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    install(tmp_path / "plugin", monkeypatch)
    monkeypatch.setattr(deadlines, "GRACE", 1.0)
    return project


def run(project: Project, **changes: Any) -> list[Event]:
    """Run a config in processes; gives the events."""
    events: list[Event] = []
    outcome = execute(project.config(**changes), events.append)
    assert (outcome.state, outcome.exit_code) == ("finished", 1), outcome
    return events


def notes(events: list[Event]) -> list[str]:
    return [event["text"] for event in events if event["kind"] == "note"]


def reasons(project: Project) -> dict[str, str]:
    return {record["label"]: record["reason"] for record in project.maps() if record["reason"]}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "LookupError: nothing found"),
        ("is_nan", "ArithmeticError: 720 of 720 values are NaN or infinite"),
        ("misshapen", "ValueError: the map has shape (1, 8, 9, 9); expected (channels, *(8, 9, 10))"),
        ("leaves_a_hook", "RuntimeError: hooks were left behind on enc, which changes what comes after"),
    ],
)
def test_what_goes_wrong_in_a_worker_costs_itself(faulty: Project, name: str, reason: str) -> None:
    methods = ["saliency", name, "input_x_gradient", {"name": "smoothgrad", "samples": 2}]
    faulty.run(faulty.config(methods=methods))
    wrong = {f"a/{name}": "failed"}
    assert faulty.statuses() == {"a/saliency": "ok", "a/input_x_gradient": "ok", "a/smoothgrad": "ok", **wrong}
    assert reasons(faulty)[name].startswith(reason)
    good = [method for method in methods if method != name]
    faulty.run(faulty.config("good.json", methods=good, output="good"))
    assert faulty.values() == faulty.values(faulty.folder / "good")


def test_what_takes_a_worker_down_costs_itself(faulty: Project) -> None:
    events = run(faulty, methods=["saliency", "devours", "kills_itself"])
    assert faulty.statuses() == {"a/saliency": "ok", "a/devours": "failed", "a/kills_itself": "failed"}
    killed = "the worker process was killed, as when memory runs out"
    assert notes(events) == [
        f"{killed}; its 2 methods are tried again apart",  # memory ran out for three, so they were apart before
        f"{killed}; going on without kills_itself for a",
    ]
    why = reasons(faulty)
    assert why["kills_itself"] == (
        f"{killed} while this method ran; if memory ran out, a smaller 'chunk_size' may need less; else try precision "
        "'amp', patches of size [8, 8, 8] or a smaller image or a crop"
    )
    assert why["devours"].startswith("out of memory with a single point at once: try ")
    retries = {record["label"]: record["retries"] for record in faulty.maps()}
    assert retries == {"saliency": 1, "devours": 1, "kills_itself": 1}


def test_what_hangs_is_ended_and_costs_itself(faulty: Project) -> None:
    events = run(faulty, methods=[*LIMITED[1:], "vanilla_backprop"])
    assert faulty.statuses() == {"a/hangs_natively": "timeout", "a/patient": "ok", "a/vanilla_backprop": "ok"}
    ended = "the worker process was ended, since its 1 s were long over"
    assert notes(events) == [
        f"{ended}; its 2 methods are tried again apart", f"{ended}; going on without hangs_natively for a"
    ]  # fmt: skip


def test_a_metric_that_goes_wrong_costs_its_own_scores(faulty: Project) -> None:
    judges = ["gini", "dies_judging", {"name": "hangs_judging", "timeout_s": 1}]
    run(faulty, methods=["saliency", "input_x_gradient"], evaluation={"metrics": judges})
    scores = [record for record in read_manifest(faulty.output) if record["record"] == "score"]
    wrong = {f"{s['metric']} of {s['label']}": s["status"] for s in scores if s["status"] != "ok"}
    assert wrong == {"dies_judging of saliency": "failed", "hangs_judging of saliency": "timeout"}
    good = {(s["metric"], s["label"]) for s in scores if s["status"] == "ok"}
    assert len(good) == 4 and {record["status"] for record in faulty.maps()} == {"ok"}
    killed = next(s for s in scores if s["metric"] == "dies_judging" and s["status"] == "failed")
    assert "killed, as when memory runs out while this score was worked out" in killed["reason"]
    assert killed["value"] is None


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_everything_at_once(faulty: Project, workers: int) -> None:
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    good = ["saliency", "input_x_gradient", {"name": "smoothgrad", "samples": 3}]
    run(faulty, images=images, methods=[*good, *LIMITED, *FAULTY], execution={"workers_per_device": workers})
    found = faulty.statuses()
    for image in "ab":
        assert {name: found.pop(f"{image}/{name}") for name in ("hangs", "hangs_natively")} == {
            "hangs": "timeout", "hangs_natively": "timeout"
        }  # fmt: skip
        assert {found.pop(f"{image}/{name}") for name in FAULTY} == {"failed"}
    assert len(found) == 8 and set(found.values()) == {"ok"}
    patient = {"name": "saliency", "label": "patient"}
    faulty.run(faulty.config("good.json", images=images, methods=[*good, patient], output="good"))
    assert faulty.values() == faulty.values(faulty.folder / "good")
    assert not list(faulty.output.rglob(".part-*"))


@pytest.mark.slow
def test_the_time_of_a_run(faulty: Project) -> None:
    methods = ["hangs", "saliency", {"name": "rise", "masks": 10**6}]
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    run(faulty, images=images, methods=methods, execution={"timeout_s": 12})
    found = faulty.statuses()
    assert found["a/hangs"] == found["b/hangs"] == "timeout" and len(found) == 6
    assert reasons(faulty)["rise"] == "the run's 12 s were over before it began"
