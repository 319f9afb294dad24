from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Raster

import torchesegeta as te
from torchesegeta.execute import running
from torchesegeta.jobs import Job
from torchesegeta.ledger import read_manifest
from torchesegeta.types import Attribution

from .project import Project
from .thread import Gone

SHAPE = (1, 8, 9, 10)


def picture(**changes: Any) -> Attribution:
    """What a method of pictures makes."""
    chosen: dict[str, Any] = {
        "method": "layer_visualization",
        "label": "layer_visualization",
        "target": None,
        "target_index": None,
        "layer": "enc",
        "image": "a",
        "values": torch.rand(SHAPE),
        "shows": "picture",
        "of_model": True,
    }
    return Attribution(**{**chosen, **changes})


def made(project: Project, monkeypatch: pytest.MonkeyPatch, pictures: list[Attribution], **config: Any) -> list[str]:
    """Run a config whose only task makes these pictures; the names of the figures."""

    def jobs(job: Job, *_: Any, **__: Any) -> Iterator[Attribution]:
        yield from pictures

    monkeypatch.setattr(running, "run_precisely", jobs)
    project.run(project.config(methods=["layer_visualization"], **config))
    assert project.state() == "finished"
    folder = project.output / "figures"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


def figure_records(project: Project) -> list[dict[str, Any]]:
    return [record for record in read_manifest(project.output) if record["record"] == "figure"]


def test_a_run_draws_a_picture_by_itself(project: Project) -> None:
    project.run(project.config(methods=[{"name": "layer_visualization", "steps": 2}]))
    (record,) = te.load(project.output)
    assert record.shows == "picture" and record.of_model and record.layer == "enc"
    last = project.maps()[-1]
    assert last["files"]["figure"] == "figures/a/layer_visualization__enc__channel_0.png"
    assert (project.output / last["files"]["figure"]).stat().st_size > 0


def test_a_layers_pictures_share_sheets(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchesegeta.execute.picture_drawing.MOST_ON_A_SHEET", 3)
    pictures = [picture(target=f"channel {n}", target_index=n) for n in range(4)]
    pictures[1] = picture(target="channel 1", values=None, status="failed", reason="dead")
    pictures += [picture(target=f"channel {n}", target_index=n, layer="mid") for n in range(2)]
    assert made(project, monkeypatch, pictures) == [
        "a/sheets/layer_visualization__enc__channel_0_to_channel_2.png",
        "a/sheets/layer_visualization__enc__channel_3_to_channel_3.png",
        "a/sheets/layer_visualization__mid.png",
    ]
    assert [(r["kind"], r["layer"], r["target"]) for r in figure_records(project)] == [
        ("sheet", "enc", "channel 0 to channel 2"),
        ("sheet", "enc", "channel 3 to channel 3"),
        ("sheet", "mid", None),
    ]


def test_pictures_of_the_image_lie_layer_by_layer(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [picture(layer=layer, of_model=False) for layer in ("enc", "mid")]
    assert made(project, monkeypatch, pictures) == ["a/strips/layer_visualization.png"]
    assert [record["kind"] for record in figure_records(project)] == ["picture_strip"]


def test_a_dream_has_its_octaves_in_a_strip(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    dream = picture(of_model=False, arrays={"octave 1": torch.rand(1, 4, 5, 5)})
    assert made(project, monkeypatch, [dream]) == [
        "a/layer_visualization__enc.png",
        "a/strips/layer_visualization__enc.png",
    ]
    (loaded,) = te.load(project.output)
    assert torch.equal(loaded.arrays["octave 1"], dream.arrays["octave 1"])


def test_pictures_of_the_model_of_several_layers_have_no_strip(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = made(project, monkeypatch, [picture(layer=layer) for layer in ("enc", "mid")])
    assert names == ["a/layer_visualization__enc.png", "a/layer_visualization__mid.png"]


def test_a_missing_picture_has_no_figure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [picture(values=None, target=str(n), status="failed", reason="dead") for n in range(2)]
    assert made(project, monkeypatch, missing) == []


def test_a_picture_that_cannot_be_drawn_costs_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made(project, monkeypatch, [picture(values=torch.rand(7))]) == []
    assert project.maps()[-1]["status"] == "ok" and "could not be drawn" in project.maps()[-1]["warnings"][0]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (2, None)])
def test_flat_pictures_can_be_opened(
    project: Project, monkeypatch: pytest.MonkeyPatch, channels: int, mode: str | None
) -> None:
    values = torch.linspace(0, 1, channels * 90).reshape(channels, 9, 10)
    pixels = np.random.default_rng(0).integers(0, 255, (8, 9, channels), np.uint8)
    flat = project.folder / "flat.npy"
    np.save(flat, np.moveaxis(pixels.astype(np.float32), -1, 0))
    model = {"factory": "net.py:Net", "arguments": {"dims": 2, "channels": channels}}
    images = [{"path": str(flat), "name": "a"}]
    made(project, monkeypatch, [picture(values=values)], model=model, images=images)
    name = project.maps()[-1]["files"].get("picture")
    if mode is None:
        assert name is None
        return
    with Raster.open(project.output / Path(name)) as opened:
        assert (opened.mode, opened.size) == (mode, (10, 9))
        assert np.asarray(opened).min() == 0 and np.asarray(opened).max() == 255


def test_a_failed_job_says_that_it_was_to_make_pictures(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*_: Any, **__: Any) -> Iterator[Attribution]:
        raise Gone

    monkeypatch.setattr(running, "run_precisely", dying)
    project.run(project.config(methods=["layer_visualization"]))
    (record,) = project.maps()
    assert (record["status"], record["shows"], record["of_model"]) == ("failed", "picture", True)
