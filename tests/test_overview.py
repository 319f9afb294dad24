from __future__ import annotations

from pathlib import Path

import pytest

from torchesegeta import overview
from torchesegeta.config import load_config
from torchesegeta.errors import ConfigError
from torchesegeta.methods import methods
from torchesegeta.plan import planned

from .execute.project import Project


@pytest.fixture(params=[80, 120])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A terminal of 80 and of 120 columns, without colours."""
    for name, value in {"COLUMNS": request.param, "LINES": 50, "TERM": "dumb", "FORCE_COLOR": 1}.items():
        monkeypatch.setenv(name, str(value))
    return int(request.param)


@pytest.fixture
def plan(tmp_path: Path) -> overview.Row:
    project = Project(tmp_path)
    names = ["saliency", "vanilla_backprop", "gradcam_plus_plus", "layer_gradient_x_activation", "gradcam", "xgrad_cam"]
    steps = {"name": "integrated_gradients", "steps": 7}
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    with planned(load_config(project.config(methods=[*names, steps], images=images))) as made:
        return overview.plan_rows(made)


def test_the_plan_tells_of_workers_and_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execution = {"devices": "auto", "workers_per_device": 3, "timeout_s": 90}
    with planned(load_config(Project(tmp_path).config(execution=execution))) as made:
        rows = overview.plan_rows(made)
    assert len(rows["workers"]) % 3 == 0 and rows["timeout_s"] == 90
    overview.print_plan({**rows, "workers": ["cuda:0", "cuda:1", "cuda:0", "cuda:1"], "run_seconds": 40.0})
    text = " ".join(capsys.readouterr().out.split())
    assert "Workers: 2 on cuda:0, 2 on cuda:1." in text
    assert "About 40.0 s from beginning to end: " in text and " to store and draw maps, shared by the workers." in text
    assert "The run ends after 1 min 30 s at the latest" in text


def test_a_method_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="method 'saliancy' does not exist; nearest: 'saliency'"):
        overview.method_rows("saliancy")


def test_every_method_has_its_line(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    overview.print_methods(overview.method_rows())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= terminal
    assert {line.split()[0] for line in lines if line.split()} >= set(methods())


def test_every_parameter_is_shown_whole(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    for name, row in overview.method_rows().items():
        overview.print_method(name, row)
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= terminal
        assert "…" not in text
        for field in row["schema"].get("properties", {}):
            assert f"  {field} = " in text


def test_the_plan_fits(plan: overview.Row, terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    overview.print_plan(plan)
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert max(map(len, lines)) <= terminal and "…" not in text
    assert all(line == line.rstrip() for line in lines)
    for job in plan["jobs"]:
        assert all(label in text for label in job["methods"])
    assert "2 images, each as above" in text and "random weights" in text


def test_numbers_end_where_their_title_ends(plan: overview.Row, capsys: pytest.CaptureFixture[str]) -> None:
    overview.print_plan(plan)
    title, *rows = capsys.readouterr().out.splitlines()[: 1 + len(plan["jobs"])]
    for column in ("forward", "backward", "time", "memory"):
        end = title.index(column) + len(column)
        assert all(row[end - 1] != " " and row[end] == " " for row in rows)


def test_where_there_is_no_terminal_a_row_is_a_line(plan: overview.Row, capsys: pytest.CaptureFixture[str]) -> None:
    overview.print_plan(plan)
    rows = capsys.readouterr().out.splitlines()[1 : 1 + len(plan["jobs"])]
    for row, job in zip(rows, plan["jobs"], strict=True):
        assert row.endswith(", ".join(job["methods"]))
    overview.print_methods(overview.method_rows())
    text = capsys.readouterr().out
    assert all(row["summary"] in text for row in overview.method_rows().values())


def test_long_names_of_layers_are_never_cut(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    name = "swin.layers1.0.blocks.0.attn.relative_position_bias"
    row = {"name": name, "kind": "WindowAttention", "shapes": [[48, 24, 24, 24]], "calls": 1, "parameters": 1234567}
    overview.print_layers([row, {**row, "name": "act", "calls": 3}])
    text = capsys.readouterr().out
    assert name in text and "act#0 … act#2" in text and "1,234,567" in text
    assert max(map(len, text.splitlines())) <= max(terminal, len(name) + 45)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.97, "1 min 0 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")],
)
def test_times(seconds: float, text: str) -> None:
    assert overview.in_time(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(250 * 2**20, "250 MiB"), (1536 * 2**20, "1.5 GiB")])
def test_sizes(count: int, text: str) -> None:
    assert overview.in_units(count) == text
