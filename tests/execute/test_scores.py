"""Scores in a run: made after the maps of their image, stored, resumed, and lost one by one only."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import torchesegeta as te
from torchesegeta.again import config_to_evaluate
from torchesegeta.cli import app
from torchesegeta.errors import StoreError
from torchesegeta.execute.tickets import Queue, Ticket
from torchesegeta.ledger import read_manifest, read_run
from torchesegeta.metrics import metrics

from .plugins import install
from .project import Project

EVALUATION: dict[str, Any] = {
    "metrics": ["gini", {"name": "infidelity", "samples": 4}, {"name": "sensitivity", "samples": 2}]
}
TWO = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]


def scores(project: Project) -> list[Any]:
    return [record for record in read_manifest(project.output) if record["record"] == "score"]


def jobs(events: list[Any]) -> list[tuple[str, list[str]]]:
    return [(event["image"], event["labels"]) for event in events if event["kind"] == "job"]


def test_scores_are_made_after_the_maps_of_each_image(project: Project) -> None:
    events = project.run(project.config(images=TWO, evaluation=EVALUATION))
    assert events[-1]["kind"] == "finished" and events[-1]["scores"] == {"ok": len(scores(project))}
    one = [
        ["saliency", "layer_gradcam"],
        ["gini/saliency", "gini/layer_gradcam"],
        ["infidelity/saliency", "infidelity/layer_gradcam"],
        ["sensitivity/saliency", "sensitivity/layer_gradcam"],
    ]
    assert jobs(events) == [("a", labels) for labels in one] + [("b", labels) for labels in one]
    found = Counter((s["image"], s["metric"], s["label"]) for s in scores(project))
    assert len(found) == 2 * 3 * 2
    assert read_run(project.output)["scores"] == {"ok": len(scores(project))}
    told = [event for event in events if event["kind"] == "score"]
    assert len(told) == len(scores(project)) and all(event["metric"] for event in told)


def test_scores_are_read_back(project: Project) -> None:
    project.run(project.config(evaluation={"metrics": [{"name": "deletion", "steps": 4}, "gini"]}))
    found = te.load_scores(project.output)
    assert [(s.metric, s.label, s.value) for s in found] == [
        (record["metric"], record["label"], record["value"]) for record in scores(project)
    ]
    curves = [s for s in found if s.metric == "deletion"]
    assert curves and all(len(s.curves["score"]) == len(s.steps) == 5 for s in curves)


def test_the_table_holds_every_figure(project: Project) -> None:
    project.run(project.config(evaluation=EVALUATION))
    with (project.output / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    whole = [row for row in rows if row["measure"] == "value"]
    assert len(whole) == len(scores(project))
    for row, record in zip(whole, scores(project), strict=True):
        assert float(row["value"]) == record["value"] and row["metric"] == record["metric"]
    assert {row["measure"] for row in rows if row["metric"] == "infidelity"} > {"value", "unexplained"}


def test_scores_of_a_run_are_those_of_the_python_call(project: Project) -> None:
    """The maps are read from files that hold them on another grid: flipped axes, and a crop that must be taken back."""
    preprocess = [{"name": "Orientation", "axcodes": "LAS"}]
    project.run(project.config(evaluation=EVALUATION, preprocess=preprocess, methods=["input_x_gradient"]))
    _same_as_python(project)


def test_maps_whose_file_has_lost_some_are_kept_beside_it(project: Project) -> None:
    preprocess = [{"name": "DivisiblePad", "k": 12}]
    project.run(project.config(evaluation=EVALUATION, preprocess=preprocess, methods=["input_x_gradient"]))
    assert all("arrays" in record["files"] for record in project.maps())
    _same_as_python(project)


def test_maps_that_were_not_kept_are_made_again(project: Project) -> None:
    preprocess = [{"name": "DivisiblePad", "k": 12}]
    config = project.config(preprocess=preprocess, methods=["input_x_gradient"])
    project.run(config)
    assert all("arrays" not in record["files"] for record in project.maps())
    project.run(project.config(preprocess=preprocess, methods=["input_x_gradient"], evaluation=EVALUATION))
    _same_as_python(project)


def test_maps_that_lie_on_another_node_are_made_again(project: Project) -> None:
    def hide(event: Any) -> None:
        for path in (project.output / "attributions").rglob("*.nii.gz") if event["kind"] == "done" else ():
            path.unlink()  # no job is under way

    project.run(project.config(methods=["input_x_gradient"], evaluation={"metrics": ["gini"]}), hide)
    kept = {(s["target"]): s["value"] for s in scores(project)}
    assert kept and all(value is not None for value in kept.values())
    assert not list((project.output / "attributions").rglob("*.nii.gz"))


def _same_as_python(project: Project) -> None:
    from torchesegeta.config import load_config
    from torchesegeta.plan import planned

    with planned(load_config(project.folder / "config.json")) as plan:
        model, image, target = plan.runner.model, plan.first.image, plan.config.target
        maps = te.explain(model, image, ["input_x_gradient"], target=target.model_dump() | {"kind": "multiclass"})
        wanted = te.evaluate(model, image, maps, EVALUATION["metrics"])
    found = {(s["metric"], s["target"]): s["value"] for s in scores(project)}
    assert found == pytest.approx({(s.metric, s.target): s.value for s in wanted}, rel=1e-5)


def test_a_run_goes_on_where_it_was_cut_off(project: Project) -> None:
    config = project.config(evaluation=EVALUATION)
    project.run(config)
    lines = (project.output / "manifest.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"sensitivity' not in line]
    (project.output / "manifest.jsonl").write_text("".join(kept))
    assert jobs(project.run(config)) == [("a", ["sensitivity/saliency", "sensitivity/layer_gradcam"])]
    assert jobs(project.run(config)) == []


def test_other_parameters_make_scores_anew(project: Project) -> None:
    project.run(project.config(evaluation=EVALUATION))
    changed = {"metrics": ["gini", {"name": "infidelity", "samples": 5}]}
    events = project.run(project.config(evaluation=changed))
    assert jobs(events) == [("a", ["infidelity/saliency", "infidelity/layer_gradcam"])]
    last = {s["metric"]: s for s in scores(project)}
    assert last["infidelity"]["parameters"]["samples"] == 5 and "sensitivity" in last


def test_files_of_metrics_are_no_part_of_the_run(project: Project) -> None:
    project.run(project.config())
    project.image("zero.nii.gz")
    square = {"name": "infidelity", "samples": 2, "perturbation": "square", "baseline": {"path": "zero.nii.gz"}}
    events = project.run(project.config(evaluation={"metrics": [square]}))
    assert events[-1]["scores"] == {"ok": len(scores(project))} and scores(project)


def test_maps_that_are_made_again_are_judged_again(project: Project) -> None:
    config = project.config(evaluation={"metrics": ["gini"]})
    project.run(config)
    broken = next(record for record in project.maps() if record["label"] == "saliency")
    (project.output / broken["files"]["values"]).write_bytes(b"")
    assert jobs(project.run(config)) == [("a", ["saliency"]), ("a", ["gini/saliency"])]


def test_one_metric_may_judge_some_methods_only(project: Project) -> None:
    evaluation = {"metrics": [{"name": "gini", "methods": ["saliency"]}]}
    events = project.run(project.config(evaluation=evaluation))
    assert jobs(events)[1:] == [("a", ["gini/saliency"])]
    project.output = project.folder / "other"
    text = project.refused(output="other", evaluation={"metrics": [{"name": "gini", "methods": ["salience"]}]})
    assert "evaluation.metrics[0].methods" in text and "nearest: 'saliency'" in text


def test_a_lost_worker_tries_scores_in_halves() -> None:
    ticket = Ticket("a", ("gini/x", "gini/y", "infidelity/x", "infidelity/y"), 1, kind="scores")
    assert [part.labels for part in ticket.apart()] == [ticket.labels[:2], ticket.labels[2:]]
    assert all(part.kind == "scores" for part in ticket.apart())


def test_scores_wait_until_every_map_of_their_image_is_there() -> None:
    maps, judged = Ticket("i", ("a",), 1), Ticket("i", ("gini/a",), 1, kind="scores")
    queue = Queue([maps, judged], costly_first=True)
    assert len(queue) == 2 and queue.next(None) == maps
    queue.release({"i"})
    assert queue.next("i") is None and len(queue) == 1
    queue.put_back([maps.again()])
    queue.release(set())
    assert queue.next("i") == maps.again() and queue.next("i") is None
    queue.release(set())
    assert queue.next("i") == judged and not queue
    queue = Queue([judged], costly_first=False)
    assert queue.drop("i") == [judged]


def test_what_has_no_map_has_no_score(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "plugin", monkeypatch)
    project.run(project.config(methods=["saliency", "raises"], evaluation={"metrics": ["gini"]}))
    statuses = {s["label"]: (s["status"], s["reason"]) for s in scores(project)}
    assert statuses["saliency"][0] == "ok"
    assert statuses["raises"] == ("failed", "there is no map: LookupError: nothing found")


def test_the_cascade_of_a_config(project: Project) -> None:
    evaluation = {"cascading_randomisation": {"methods": ["saliency"], "metrics": ["gini"]}}
    events = project.run(project.config(evaluation=evaluation))
    assert jobs(events)[1:] == [("a", ["cascading_randomisation/saliency"])]
    for record in scores(project):
        assert record["steps"][0] == "original" and len(record["steps"]) == 4
        assert {len(curve) for curve in record["curves"].values()} == {4} and "gini" in record["curves"]
        arrays = load_file(project.output / record["files"]["arrays"])
        assert set(arrays) == {"axis0", "axis1", "axis2"} and arrays["axis0"].shape == (4, 9, 10)
    with (project.output / "metrics.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["measure"] == "hog" and row["step"]]
    assert [row["step"] for row in rows[:4]] == ["original", "head", "mid", "enc"]
    assert jobs(project.run(project.config(evaluation=evaluation))) == []


def test_evaluate_goes_on_from_a_run_folder(project: Project, tmp_path: Path) -> None:
    project.run(project.config())
    assert not scores(project)
    moved = tmp_path / "elsewhere"
    project.output.rename(moved)
    project.output = moved
    with config_to_evaluate(moved, ["gini"]) as config:
        project.run(config)
    assert {s["metric"] for s in scores(project)} == {"gini"}
    with config_to_evaluate(moved, ["infidelity"]) as config:
        assert json.loads(config.read_text())["evaluation"]["metrics"] == ["gini", "infidelity"]
        events = project.run(config)
    assert jobs(events) == [("a", ["infidelity/saliency", "infidelity/layer_gradcam"])]


def test_a_folder_of_saved_maps_has_no_config(tmp_path: Path) -> None:
    te.Attributions([]).save(tmp_path / "maps")
    with pytest.raises(StoreError, match=r"torchesegeta\.evaluate"), config_to_evaluate(tmp_path / "maps"):
        pass


def test_a_program_has_scores_but_no_cascade(project: Project) -> None:
    net = torch.nn.Conv3d(1, 3, 3, padding=1).eval()
    torch.jit.trace(net, torch.zeros(1, 1, 8, 9, 10)).save(project.folder / "net.pt")  # type: ignore[no-untyped-call]
    events = project.run(
        project.config(
            model={"program": "net.pt"},
            layers=None,
            methods=["saliency"],
            evaluation={"metrics": ["gini"], "cascading_randomisation": {}},
        )
    )
    assert set(events[-1]["scores"]) == {"ok", "incompatible"}
    reasons = {s["metric"]: s["reason"] for s in scores(project)}
    assert reasons["gini"] is None and "give the model it was made from" in reasons["cascading_randomisation"]


def test_the_plan_says_what_scores_cost(project: Project) -> None:
    config = str(project.config(evaluation=EVALUATION))
    rows = json.loads(CliRunner().invoke(app, ["plan", config, "--json"]).output)["evaluation"]
    assert [(row["metrics"], row["passes"]) for row in rows[:2]] == [(["gini"], 0), (["infidelity"], 4)]
    saliency_and_gradcam = sum(read["passes"] for read in rows if read["metrics"] == ["sensitivity"])
    assert saliency_and_gradcam % 2 == 0 and saliency_and_gradcam > 0
    assert "methods that are judged" in CliRunner().invoke(app, ["plan", config]).output


def test_metrics_are_listed() -> None:
    result = CliRunner().invoke(app, ["metrics", "--json"])
    assert set(json.loads(result.output)) == set(metrics())
    assert "samples = 32" in CliRunner().invoke(app, ["metrics", "infidelity"]).output
    assert CliRunner().invoke(app, ["metrics", "infidelty"]).exit_code == 2


def test_a_verdict_brings_its_metrics_and_is_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run(project.config(images=TWO, methods=["saliency", "integrated_gradients"]))
    assert not (project.output / "verdicts.json").exists()
    with config_to_evaluate(project.output, ["gini"], verdict=True) as config:
        project.run(config)
    found = {score["metric_name"] for score in scores(project)}
    assert found >= {"gini", "cascading_randomisation", "sensitivity"}
    content = json.loads((project.output / "verdicts.json").read_text())
    assert {verdict["label"] for verdict in content["verdicts"]} == {"saliency", "integrated_gradients"}
    answers = {verdict["label"]: verdict["answers"] for verdict in content["verdicts"]}
    assert answers["saliency"]["weights"]["images"] == 2 and answers["saliency"]["weights"]["value"] is not None
    assert answers["saliency"]["complete"]["word"] == "not claimed"
    assert answers["integrated_gradients"]["complete"]["value"] is not None
    result = CliRunner().invoke(app, ["report", str(project.output)])
    assert result.exit_code == 0, result.output


def test_thresholds_of_the_config_count(project: Project) -> None:
    strict = {"metrics": ["sensitivity"], "verdict": {"stable_yes": 0, "stable_no": 0}}
    project.run(project.config(evaluation=strict))
    content = json.loads((project.output / "verdicts.json").read_text())
    assert {verdict["answers"]["stable"]["word"] for verdict in content["verdicts"]} == {"no"}
    assert content["thresholds"]["stable_no"] == 0
