"""Planted truth: the truth is where it is said to be, and methods that must find it do."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from torchesegeta.cli import app
from torchesegeta.errors import ConfigError
from torchesegeta.planted import Planted, as_markdown, cases, check, word_of, write_csv
from torchesegeta.planted.finding import FEWER, chosen

CASES = {case.title: case for case in cases()}
QUICK = ["saliency", "input_x_gradient", "integrated_gradients", "occlusion", "hires_cam", "guided_backprop"]


@torch.no_grad()
def score(case: Planted, data: torch.Tensor) -> float:
    logits = case.model.eval()(data[None])[0, 1]
    if isinstance(case.target, int):
        return float(logits)
    return float(logits[tuple(slice(*span) for span in case.target["box"])].sum())


@pytest.mark.parametrize("title", CASES)
def test_nothing_outside_the_truth_moves_the_score_and_what_is_inside_does(title: str) -> None:
    case = CASES[title]
    assert case.image.label is not None
    inside = case.image.label.bool()[None]
    whole, noise = score(case, case.image.data), torch.rand(case.image.data.shape)
    assert score(case, torch.where(inside, case.image.data, noise)) == pytest.approx(whole, rel=1e-5)
    assert abs(score(case, torch.where(inside, 0.0, case.image.data)) - whole) > 0.05 * abs(whole)
    assert 0.005 < float(inside.float().mean()) < 0.4


@pytest.mark.parametrize("title", [title for title in CASES if title.startswith("linear")])
def test_the_exact_attribution_adds_up(title: str) -> None:
    case = CASES[title]
    assert case.exact is not None
    assert float(case.exact.sum()) == pytest.approx(score(case, case.image.data), rel=1e-4)


@pytest.mark.parametrize("title", CASES)
def test_methods_that_must_find_the_truth_do(title: str) -> None:
    case = CASES[title]
    found = {one.method: one for one in check(case, QUICK)}
    for name in ("saliency", "input_x_gradient", "integrated_gradients"):
        assert found[name].word == "found" and found[name].mass == pytest.approx(1), name
    assert (found["occlusion"].auc or 0) > 0.9
    if case.name == "linear":
        assert found["input_x_gradient"].correlation == pytest.approx(1, abs=1e-4)
        assert found["integrated_gradients"].correlation == pytest.approx(1, abs=1e-4)
        assert found["guided_backprop"].status == "incompatible" and found["guided_backprop"].word is None


def test_a_grad_cam_misses_what_a_pooled_gradient_cannot_tell() -> None:
    (found,) = check(CASES["shortcut, 2D"], ["gradcam"])
    assert found.word == "missed"


@pytest.mark.parametrize("name", ["gradcam", "vargrad"])
def test_an_empty_map_has_missed_the_truth(name: str) -> None:
    (found,) = check(CASES["linear, 2D"], [name])
    assert found.empty and found.status == "ok" and found.word == "missed" and found.auc is None
    assert "✗ empty" in as_markdown([found])


def test_tables(tmp_path: Path) -> None:
    found = list(check(CASES["linear, 2D"], ["saliency", "guided_backprop"]))
    write_csv(tmp_path / "planted.csv", found)
    with (tmp_path / "planted.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["method"], row["word"]) for row in rows] == [("saliency", "found"), ("guided_backprop", "")]
    assert "incompatible" in as_markdown(found) and "✓ 1.00" in as_markdown(found)


def test_words() -> None:
    assert [word_of(*pair) for pair in ((0.95, 0.1), (0.5, 0.95), (0.75, 0.2), (0.5, 0.1))] == [
        *("found", "found", "partly", "missed"),
    ]
    assert word_of(None, None) is None and word_of(0.8, None) == "partly"


def test_names_are_checked() -> None:
    with pytest.raises(ConfigError, match="nearest: 'saliency'"):
        chosen(["salency"])
    assert set(FEWER) <= set(chosen())
    assert "deep_dream" not in chosen() and "captum" not in chosen()


def test_the_command_prints_and_writes_the_table(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["evaluate", "--planted", "--methods", "saliency,gradcam", "-o", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert "shortcut, 3D: 1 found, 0 partly, 1 missed" in run.output
    with (tmp_path / "planted.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 2 * len(CASES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--planted", "runs/a"], "RUN does not fit: --planted judges no run"),
        (["runs/a", "--methods", "saliency"], "--methods does not fit: only --planted takes it"),
        ([], "RUN: give a run folder, or --planted"),
        (["--planted", "--methods", "salency"], "nearest: 'saliency'"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], said: str) -> None:
    run = CliRunner().invoke(app, ["evaluate", *arguments])
    assert run.exit_code == 2 and said in run.output
