from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner, Result

import torchesegeta as te
from torchesegeta import console
from torchesegeta.cli import app
from torchesegeta.execute import Event, Listener, Outcome, execute
from torchesegeta.execute.log import Level
from torchesegeta.models import load_model

from .execute.project import AFFINE, Project
from .execute.thread import WorkerThread


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def esegeta(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs happen in this process."""

    def here(config: Path, listen: Listener, *, level: Level, shard: str | None) -> Outcome:
        return execute(config, listen, level=level, hire=lambda number: WorkerThread(config, number, level, shard))

    monkeypatch.setattr(console, "execute", here)


def test_version_and_help() -> None:
    assert esegeta("--version").output.strip() == te.__version__
    text = esegeta("--help").output
    assert all(command in text for command in ("run", "plan", "methods", "layers", "report", "demo"))


def test_methods_as_json() -> None:
    rows = json.loads(esegeta("methods", "--json").stdout)
    assert set(rows) == set(te.methods())
    one = json.loads(esegeta("methods", "saliency", "--json").stdout)
    assert one == rows["saliency"]
    assert one["schema"]["properties"]["absolute"]["default"] is True


def test_layers_and_plan_as_json(project: Project) -> None:
    config = project.config()
    layers = json.loads(esegeta("layers", config, "--json").stdout)
    assert {"name": "act", "kind": "ReLU", "shapes": [[4, 8, 9, 10]], "calls": 2, "parameters": 0} in layers
    plan = json.loads(esegeta("plan", config, "--json").stdout)
    assert plan["images"] == ["a"]
    assert [job["methods"] for job in plan["jobs"]] == [["saliency", "layer_gradcam"]]
    assert not project.output.exists()


def test_layers_and_plan_as_text(project: Project) -> None:
    config = project.config()
    assert "act#0 … act#1" in esegeta("layers", config).stdout
    assert "saliency, layer_gradcam" in esegeta("plan", config).stdout
    assert "Integrated gradients" in esegeta("methods", "integrated_gradients").stdout


def test_layers_are_listed_whatever_a_config_names(project: Project) -> None:
    config = project.config(methods=["saliancy"], layers=["encc"], target=99)
    assert "act#0 … act#1" in esegeta("layers", config).stdout


def test_a_plan_names_all_sweeps_of_a_job(project: Project) -> None:
    methods = [{"name": "layer_visualization", "filter": "all", "steps": 2}]
    (job,) = json.loads(esegeta("plan", project.config(methods=methods), "--json").stdout)["jobs"]
    assert job["sweep"] == "Gradient + Optimise"
    assert job["passes"]["backward"] == 2 * 4, "enc has four channels"


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_wrong_config_ends_with_2(project: Project, here: None, command: str) -> None:
    result = esegeta(command, project.config(methods=["saliancy"]))
    assert result.exit_code == 2
    assert "error: methods[0]: method 'saliancy' does not exist; nearest: 'saliency'" in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_other_mistakes_end_with_2(tmp_path: Path) -> None:
    assert esegeta("methods", "saliancy").exit_code == 2
    assert esegeta("run").exit_code == 2
    assert esegeta("rnu").exit_code == 2
    result = esegeta("report", tmp_path)
    assert result.exit_code == 2 and "is no run folder: it has no run.json" in result.stderr
    result = esegeta("plan", tmp_path / "none.json")
    assert result.exit_code == 2 and "config 'none.json' does not exist" in result.stderr


def test_a_run_says_a_line_for_each_job_and_where_the_report_is(project: Project, here: None) -> None:
    result = esegeta("run", project.config(methods=["saliency", "gradcam", {"name": "vargrad", "samples": 2}]))
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert lines[0].startswith("warning: random weights")
    assert lines[1:3] == ["[1/2] a: saliency, gradcam", "[2/2] a: vargrad"]
    assert lines[3].endswith(f"ok; report: {project.output / 'report.html'}")
    (project.output / "report.html").unlink()
    result = esegeta("report", project.output)
    assert result.stdout.strip() == str(project.output / "report.html")
    assert (project.output / "report.html").is_file()


def test_a_run_with_a_failure_ends_with_1_and_says_why_once(project: Project, here: None) -> None:
    (project.folder / "b.nii.gz").write_bytes((project.folder / "b.nii.gz").read_bytes()[:700])
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    result = esegeta("run", project.config(images=images, methods=["layer_gradcam"], layers=["enc", "mid"]))
    assert result.exit_code == 1
    assert result.stderr.count("failed: b: layer_gradcam: ") == 1
    assert "2 failed, " in result.stderr.splitlines()[-1]


@pytest.fixture
def recorded() -> tuple[Console, Callable[[], str]]:
    recorder = Console(record=True, width=80, force_terminal=True, file=None, quiet=False, soft_wrap=True)
    return recorder, recorder.export_text


def event(**fields: Any) -> Event:
    return fields  # type: ignore[return-value]


def test_the_table_tells_how_much_is_done_and_who_is_at_what(recorded: tuple[Console, Callable[[], str]]) -> None:
    bars = console.Bars(recorded[0])
    bars.show(event(kind="started", folder="run", jobs=2, passes=40, warnings=[], devices=["cpu", "cuda:0"]))
    bars.show(event(kind="image", image="a", worker=0))
    bars.show(event(kind="job", image="a", labels=["saliency", "gradcam"], number=1, jobs=2, passes=10, worker=0))
    bars.show(event(kind="job", image="a", labels=["vargrad"], number=2, jobs=2, passes=30, worker=1))
    bars.show(event(kind="progress", done=2, total=4, worker=1))
    whole, first, second = bars.table.tasks
    assert (whole.description, whole.completed, whole.total) == ("job 2 of 2", 15, 40)
    assert (first.description, first.fields["device"]) == ("a: saliency and 1 more", "cpu")
    assert (second.description, second.completed, second.total) == ("a: vargrad", 15, 30)
    bars.show(event(kind="done", worker=0))
    assert bars.table.tasks[0].completed == 25 and not bars.table.tasks[1].visible
    recorded[0].print(bars.table.get_renderable())
    assert "cuda:0" in recorded[1]()


def test_a_shard_has_its_own_folder_and_the_report_takes_all(project: Project, here: None) -> None:
    config = project.config(images={"glob": "[ab].nii.gz"}, methods=["saliency"])
    assert [esegeta("run", config, "--shard", shard).exit_code for shard in ("1/2", "2/2")] == [0, 0]
    assert esegeta("report", project.output).stdout == f"{project.output}/report.html\n"
    assert "write '3/16'" in esegeta("run", config, "--shard", "3/2").stderr


EVALUATED: dict[str, Any] = {
    "metrics": [
        "gini",
        {"name": "region_shares", "atlas": {"path": "atlas.nii.gz"}, "names": {"0": "outside", "1": "inside"}},
        {"name": "deletion", "steps": 4},
    ],
    "verdict": {"stable_yes": 0.3},
}


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a table, but for how long they took."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(stream)]


def atlas(project: Project) -> None:
    values = np.zeros((8, 9, 10), dtype=np.int16)
    values[2:5, 2:6, 3:7] = 1
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), project.folder / "atlas.nii.gz")


def test_shards_are_evaluated_as_one(project: Project, here: None) -> None:
    """Scores, verdicts with their intervals over images, regions and agreement are those of the run in one piece."""
    atlas(project)
    for name in "cdef":
        project.image(f"{name}.nii.gz")
    changes: dict[str, Any] = {"images": {"glob": "[a-f].nii.gz"}, "methods": ["saliency", "input_x_gradient"]}
    config = project.config(evaluation=EVALUATED, **changes)
    later = project.config("later.json", output="later", **changes)
    for shard in ("2/2", "1/2"):
        assert esegeta("run", later, "--shard", shard).exit_code == 0
    assert esegeta("run", config).exit_code == 0
    parts = project.folder / "later"
    for part in parts.iterdir():
        told = json.loads((part / "run.json").read_text())
        told["config"]["evaluation"] = json.loads((project.output / "run.json").read_text())["config"]["evaluation"]
        (part / "run.json").write_text(json.dumps(told))
    result = esegeta("evaluate", parts, "--verdict")
    assert result.exit_code == 0, result.stderr
    assert "2 shards; report:" in result.stderr and "[0." in result.stdout
    assert table(parts / "metrics.csv") == table(project.output / "metrics.csv")
    assert len({row["image"] for row in table(parts / "metrics.csv")}) == 6
    for name in ("verdicts.json", "verdicts.csv"):
        assert (parts / name).read_text() == (project.output / name).read_text()
    assert json.loads((parts / "verdicts.json").read_text())["verdicts"][0]["answers"]["stable"]["images"] == 6
    regions = sorted((project.output / "evaluation").glob("region_shares__*.csv"))
    assert len(regions) == 2
    for path in regions:
        assert table(parts / "evaluation" / path.name) == table(path)
        assert {row["images"] for row in table(path)} == {"6"}
    compared = sorted((project.output / "evaluation").glob("*/agreement__*.csv"))
    assert compared
    for path in compared:
        number = 1 + "abcdef".index(path.parent.name) % 2
        assert table(parts / f"shard-{number}-of-2" / path.relative_to(project.output)) == table(path)
    assert [s.value for s in te.load_scores(parts)] == [s.value for s in te.load_scores(project.output)]
    texts = [(folder / "report.html").read_text() for folder in (parts, project.output)]
    assert all(text.count("Agreement of methods: ") == texts[0].count("Agreement of methods: ") > 0 for text in texts)


def test_a_shard_that_was_evaluated_by_itself_counts_in_the_report_of_all(project: Project, here: None) -> None:
    config = project.config(images={"glob": "[ab].nii.gz"}, methods=["saliency"], evaluation={"metrics": ["gini"]})
    for number in (1, 2):
        assert esegeta("run", config, "--shard", f"{number}/2").exit_code == 0
    assert esegeta("evaluate", project.output / "shard-1-of-2", "--metrics", "entropy").exit_code == 0
    assert not (project.output / "metrics.csv").exists()
    assert esegeta("report", project.output).exit_code == 0
    rows = {(row["image"], row["metric"]) for row in table(project.output / "metrics.csv")}
    assert rows == {("a", "gini"), ("a", "entropy"), ("b", "gini")}


def test_a_shard_that_is_missing_is_said_when_the_others_are_evaluated(project: Project, here: None) -> None:
    config = project.config(images={"glob": "[ab].nii.gz"}, methods=["saliency"])
    assert esegeta("run", config, "--shard", "2/2").exit_code == 0
    result = esegeta("evaluate", project.output, "--metrics", "gini")
    assert result.exit_code == 0 and "of 2 shards, these are missing: 1" in result.stderr
    assert {row["image"] for row in table(project.output / "metrics.csv")} == {"b"}


def test_a_quiet_run_says_only_what_goes_wrong(project: Project, here: None) -> None:
    assert esegeta("run", "--quiet", project.config(methods=["saliency"])).stderr == ""
    (project.folder / "b.nii.gz").write_bytes((project.folder / "b.nii.gz").read_bytes()[:700])
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    result = esegeta("run", "--quiet", project.config(images=images, methods=["saliency"], output="other"))
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["failed", "1 failed, 1 ok; report"]


def test_the_log_has_a_level(project: Project, here: None) -> None:
    assert esegeta("run", "--log-level", "warning", project.config(methods=["saliency"])).exit_code == 0
    log = project.output / "log.txt"
    assert not log.exists() or "INFO" not in log.read_text()
    result = esegeta("run", "--log-level", "warn", project.config())
    assert result.exit_code == 2 and "warning" in result.stderr


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome("refused", "seed: wrong"), "error: seed: wrong\n"),
        (Outcome("interrupted", folder=Path("run")), "interrupted\nfinished maps are in run; the same command goes on"),
        (Outcome("broken", "the disk is full", folder=Path("run")), "error: the disk is full\nfinished maps are in"),
        (Outcome("finished", counts={}, report=Path("r.html")), "no maps; report: r.html\n"),
    ],
)
def test_how_a_run_ended_is_said(outcome: Outcome, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.conclude(Console(stderr=True, highlight=False, soft_wrap=True), outcome)
    assert capsys.readouterr().err.startswith(text)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome("finished", counts={"ok": 2, "incompatible": 1, "partial": 1}), 0),
        (Outcome("finished", counts={"ok": 2, "failed": 1}), 1),
        (Outcome("finished", counts={"timeout": 1}), 1),
        (Outcome("broken"), 1),
        (Outcome("interrupted"), 1),
        (Outcome("refused"), 2),
    ],
)
def test_exit_codes(outcome: Outcome, code: int) -> None:
    assert outcome.exit_code == code


def program(project: Project, name: str) -> dict[str, str]:
    """The project's network as one file, for the config."""
    model, _ = load_model("net.py:Net", {}, None, seed=0, folder=project.folder)
    point = torch.rand(1, 1, 8, 9, 10)
    if name.endswith(".pt2"):
        torch.export.save(torch.export.export(model, (point,)), project.folder / name)
    else:
        torch.jit.save(torch.jit.trace(model, point), project.folder / name)  # type: ignore[no-untyped-call]
    return {"program": name}


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PyTorch's, about itself
def test_an_exported_program_shows_its_layers_and_runs(project: Project, here: None) -> None:
    methods = ["saliency", "guided_backprop", "layer_gradcam", {"name": "occlusion", "window": 6}]
    config = project.config(model=program(project, "net.pt2"), methods=methods)
    layers = json.loads(esegeta("layers", config, "--json").stdout)
    assert {"name": "enc", "kind": "Conv3d", "shapes": [[4, 8, 9, 10]], "calls": 1, "parameters": 112} in layers
    assert esegeta("run", config).exit_code == 0
    assert set(project.statuses().values()) == {"ok"}
    assert "net.pt2" in (project.output / "report.html").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_torchscript_is_refused_by_name_where_it_shows_too_little(project: Project, here: None) -> None:
    methods = ["saliency", "guided_backprop", "layer_gradcam", {"name": "occlusion", "window": 6}]
    config = project.config(model=program(project, "net.pt"), methods=methods, layers=None)
    result = esegeta("layers", config)
    assert result.exit_code == 2 and "the model is TorchScript, whose layers cannot be watched" in result.stderr
    assert esegeta("plan", config).exit_code == 0
    assert esegeta("run", config).exit_code == 0
    statuses = project.statuses()
    assert statuses == {
        "a/saliency": "ok",
        "a/guided_backprop": "incompatible",
        "a/layer_gradcam": "incompatible",
        "a/occlusion": "ok",
    }
    reasons = {str(m["reason"]) for m in project.maps() if m["status"] == "incompatible"}
    assert len(reasons) == 2 and all("TorchScript" in reason for reason in reasons)


def test_the_web_interface_is_for_this_machine_alone(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    open_to_all = esegeta("serve", "--runs", tmp_path, "--host", "0.0.0.0", "--no-browser")
    assert (open_to_all.exit_code, "--allow-remote" in open_to_all.stderr) == (2, True)
    nowhere = esegeta("serve", "--runs", tmp_path, "--images", tmp_path / "nothing", "--no-browser")
    assert (nowhere.exit_code, "is no folder" in nowhere.stderr) == (2, True)
    assert not list(tmp_path.iterdir())
