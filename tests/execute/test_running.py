from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

import torchesegeta as te
from torchesegeta.execute import Event, drawing
from torchesegeta.ledger import read_run
from torchesegeta.methods.saliency import Saliency
from torchesegeta.models import build
from torchesegeta.plan.images import PlannedImage, read_planned
from torchesegeta.types import Image

from .project import AFFINE, Project

NET = {"factory": "net.py:Net"}
NOISY = {"name": "smoothgrad", "samples": 3}


def kinds(events: list[Any]) -> list[str]:
    return [event["kind"] for event in events if event["kind"] not in ("progress", "map", "done")]


def labels(events: list[Any]) -> list[list[str]]:
    return [event["labels"] for event in events if event["kind"] == "job"]


def test_a_run_folder_holds_everything(project: Project) -> None:
    events = project.run(project.config(images=[{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]))
    assert kinds(events)[:3] == ["started", "image", "job"] and kinds(events)[-1] == "finished"
    run = read_run(project.output)
    assert (run["state"], run["seed"], run["device"]) == ("finished", 0, "cpu")
    assert run["counts"] == events[-1]["counts"] == {"ok": len(project.maps())}
    assert [image["name"] for image in run["images"]] == ["a", "b"]
    assert run["versions"]["torch"] == torch.__version__
    assert "random weights" in run["warnings"][0]
    for record in project.maps():
        for name in record["files"].values():
            assert (project.output / name).stat().st_size > 0
        volume = nibabel.load(project.output / record["files"]["values"])
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
        assert volume.shape == (8, 9, 10)
        sidecar = json.loads((project.output / record["files"]["sidecar"]).read_text())
        assert sidecar == record
    log = (project.output / "log.txt").read_text()
    assert "INFO" in log and torch.__version__ in log


def test_every_line_of_the_manifest_has_method_and_status(project: Project) -> None:
    project.run(project.config(layers=["enc", "mid"]))
    lines = [json.loads(line) for line in (project.output / "manifest.jsonl").read_text().splitlines()]
    assert {line["record"] for line in lines} == {"map", "task", "figure"}
    assert all({"method", "status"} <= set(line) for line in lines)


def test_a_run_can_be_opened_in_python(project: Project) -> None:
    project.run()
    maps = te.load(project.output)
    assert {m.method for m in maps} == {"saliency", "layer_gradcam"}
    assert all(m.values is not None and m.values.shape == (1, 8, 9, 10) for m in maps)


def test_logging_is_as_it_was(project: Project) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    project.run()
    assert (root.level, list(root.handlers)) == before
    assert not list(project.folder.rglob(".part-*"))


def test_a_second_run_does_nothing_again(project: Project) -> None:
    project.run()
    before = {p: p.read_bytes() for p in (project.output / "attributions").rglob("*") if p.is_file()}
    lines, seconds = (project.output / "manifest.jsonl").read_bytes(), read_run(project.output)["seconds"]
    events = project.run()
    assert kinds(events) == ["started", "finished"]
    assert events[0]["jobs"] == 0
    assert {p: p.read_bytes() for p in before} == before
    assert (project.output / "manifest.jsonl").read_bytes() == lines
    assert read_run(project.output)["seconds"] >= seconds
    assert [image["name"] for image in read_run(project.output)["images"]] == ["a"]


def test_a_moved_project_resumes(project: Project, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    first = Project(tmp_path / "one")
    first.run()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    shutil.rmtree(tmp_path / "one")
    events = Project.run(first, tmp_path / "two" / "config.json")
    assert kinds(events) == ["started", "finished"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("image", "the file of images[0].path[0]"),
        ("checkpoint", "the file of model.checkpoint"),
        ("factory", "the file of model.factory"),
        ("methods", "differs in methods"),
        ("seed", "differs in seed"),
    ],
)
def test_a_changed_run_is_not_resumed(project: Project, change: str, message: str) -> None:
    weights = project.folder / "weights.pt"
    net = _net(project)
    torch.save(net.state_dict(), weights)
    fields: dict[str, Any] = {"model": {**NET, "checkpoint": "weights.pt"}, "methods": ["saliency"]}
    project.run(project.config(**fields))
    lines = (project.output / "manifest.jsonl").read_bytes()
    match change:
        case "image":
            project.image("a.nii.gz", value=0.5)
        case "checkpoint":
            torch.save({key: value + 1 for key, value in net.state_dict().items()}, weights)
        case "factory":
            (project.folder / "net.py").write_text((project.folder / "net.py").read_text() + "\n# changed\n")
        case "methods":
            fields["methods"] = ["gradcam"]
        case _:
            fields["seed"] = 1
    events = project.run(project.config(**fields))
    assert kinds(events) == ["refused"]
    assert message in events[0]["text"] and "choose another folder" in events[0]["text"]
    assert (project.output / "manifest.jsonl").read_bytes() == lines


def _net(project: Project) -> torch.nn.Module:
    return build("net.py:Net", {}, seed=0, folder=project.folder)


def test_a_mistake_is_told_before_what_differs(project: Project) -> None:
    project.run()
    assert "nearest: 'saliency'" in project.run(project.config(methods=["saliancy"]))[-1]["text"]


def test_where_a_run_happens_may_change(project: Project) -> None:
    project.run()
    events = project.run(project.config(execution={"chunk_size": 1}, convention="neurological"))
    assert kinds(events) == ["started", "finished"]


def test_a_folder_with_other_things_is_refused(project: Project) -> None:
    project.output.mkdir()
    (project.output / "thesis.doc").write_text("precious")
    events = project.run()
    assert "holds 'thesis.doc' and no run; choose another folder" in events[0]["text"]
    assert sorted(p.name for p in project.output.iterdir()) == ["thesis.doc"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_an_unreadable_image_costs_its_own_maps(project: Project, order: str) -> None:
    (project.folder / "b.nii.gz").write_bytes((project.folder / "b.nii.gz").read_bytes()[:700])
    images = [{"path": f"{name}.nii.gz"} for name in order]
    config = project.config(images=images, methods=["saliency", "gradcam"])
    events = project.run(config)
    assert kinds(events)[-1] == "finished"
    assert project.statuses() == {
        "a/saliency": "ok", "a/gradcam": "ok", "b/saliency": "failed", "b/gradcam": "failed"
    }  # fmt: skip
    (reason,) = {record["reason"] for record in project.maps() if record["status"] == "failed"}
    assert "b.nii.gz cannot be read as NIfTI" in reason
    assert "b.nii.gz cannot be read" in (project.output / "log.txt").read_text()
    early = [text for text in events[0]["warnings"] if text.startswith("images[0] cannot be used: ")]
    assert len(early) == (order == "ba")


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_an_image_that_the_model_refuses_costs_its_own_maps(project: Project, order: str) -> None:
    project.image("b.nii.gz", shape=(1, 9, 10))
    images = [{"path": f"{name}.nii.gz"} for name in order]
    model = {"factory": "net.py:Net", "arguments": {"least": 2}}
    assert kinds(project.run(project.config(model=model, images=images, methods=["saliency"])))[-1] == "finished"
    assert project.statuses() == {"a/saliency": "ok", "b/saliency": "failed"}
    (reason,) = {record["reason"] for record in project.maps() if record["status"] == "failed"}
    assert "too thin" in reason


def test_the_images_of_a_set_are_read_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def noting(image: PlannedImage, *options: Any) -> Image:
        read.append(image.name)
        return read_planned(image, *options)

    monkeypatch.setattr("torchesegeta.plan.plan.read_planned", noting)
    images = [{"path": f"{name}.nii.gz"} for name in "ab"]
    methods = ["feature_permutation"]
    project.run(project.config(images=images, methods=methods))
    assert set(project.statuses().values()) == {"ok"}
    assert read == ["a", "b", "b"]  # b for the set, and for its own turn


def test_a_class_that_is_predicted_nowhere_is_incompatible(project: Project) -> None:
    torch.manual_seed(0)
    net = _net(project)
    with torch.no_grad():
        net.get_parameter("head.bias")[2] = -100
    torch.save(net.state_dict(), project.folder / "weights.pt")
    model = {**NET, "checkpoint": "weights.pt", "class_names": ["air", "white", "grey"]}
    target = {"kind": "multiclass", "classes": ["air", "white", "grey"]}
    events = project.run(project.config(model=model, target=target))
    assert kinds(events)[-1] == "finished"
    status = {(r["label"], r["target"]): (r["status"], r["reason"]) for r in project.maps()}
    assert status["saliency", "grey"] == ("incompatible", "class 'grey' is predicted nowhere in this image")
    assert "failed" not in project.statuses().values()
    assert kinds(project.run(project.config(model=model, target=target))) == ["started", "finished"]


def test_a_failed_method_costs_itself_and_is_tried_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ArithmeticError("the readout is broken")

    with monkeypatch.context() as patch:
        patch.setattr(Saliency, "readout", broken)
        project.run(project.config(methods=["saliency", "gradcam"]))
    assert project.statuses() == {"a/saliency": "failed", "a/gradcam": "ok"}
    (reason,) = {record["reason"] for record in project.maps() if record["status"] == "failed"}
    assert reason == "ArithmeticError: the readout is broken"
    log = (project.output / "log.txt").read_text()
    assert "Traceback" in log and "in broken" in log
    again = project.run(project.config(methods=["saliency", "gradcam"]))
    assert labels(again) == [["saliency"]]
    assert project.statuses() == {"a/saliency": "ok", "a/gradcam": "ok"}
    assert read_run(project.output)["counts"] == {"ok": len(project.maps())}


def test_a_figure_that_cannot_be_drawn_costs_no_map(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise ValueError("no ink")

    monkeypatch.setattr(drawing, "draw", broken)
    events = project.run()
    assert kinds(events)[-1] == "finished" and set(project.statuses().values()) == {"ok"}
    assert all("figure" not in record["files"] for record in project.maps())
    assert all("the figure could not be drawn; see log.txt" in record["warnings"] for record in project.maps())
    assert "no ink" in (project.output / "log.txt").read_text()


def test_a_measure_that_is_not_finite_is_null(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saliency, "measures", lambda *_: {"gap": float("nan")})
    project.run(project.config(methods=["saliency"]))
    assert [record["measures"] for record in project.maps()] == [{"gap": None}] * len(project.maps())


@pytest.mark.parametrize("calls", [2, 4, 7])
def test_a_full_disk_leaves_no_half_file_and_the_run_resumes(
    project: Project, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    config = project.config(methods=["saliency", NOISY])
    left = calls

    def full(source: Path, target: Path, replace: Any = os.replace) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        events = project.run(config)
    assert kinds(events)[-1] == "broken"
    assert "cannot be written: No space left on device" in events[-1]["text"]
    assert not list(project.output.rglob(".part-*"))
    assert "No space left" in (project.output / "log.txt").read_text()
    resumed = project.run(config)
    assert kinds(resumed)[-1] == "finished" and set(project.statuses().values()) == {"ok"}
    assert project.values() == fresh(project, methods=["saliency", NOISY])


def fresh(project: Project, **changes: Any) -> dict[str, bytes]:
    """The files of the same run, made without interruption."""
    project.run(project.config("fresh.json", output="fresh", **changes))
    return project.values(project.folder / "fresh")


def test_an_interrupted_run_goes_on_where_it_was(project: Project) -> None:
    class Cut(BaseException):
        pass

    def cut(event: Event) -> None:
        if event["kind"] == "job" and event["labels"] == ["smoothgrad"]:
            raise Cut

    methods = ["saliency", "layer_gradcam", NOISY]
    config = project.config(methods=methods)
    with pytest.raises(Cut):
        project.run(config, cut)
    assert project.state() == "running"
    lines = (project.output / "manifest.jsonl").read_bytes()
    with (project.output / "manifest.jsonl").open("ab") as stream:
        stream.write(b'{"record": "map", "method": "smoo')
    resumed = project.run(config)
    assert labels(resumed) == [["smoothgrad"]]
    assert (project.output / "manifest.jsonl").read_bytes().startswith(lines)
    assert (project.state(), project.values()) == ("finished", fresh(project, methods=methods))


def test_an_unexpected_error_is_told_and_logged(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(drawing.Drawing, "prediction", broken)
    events = project.run()
    assert (events[-1]["kind"], events[-1]["text"]) == (
        "broken", "unexpected LookupError: a fault of ours; see log.txt"
    )  # fmt: skip
    assert "Traceback" in (project.output / "log.txt").read_text()


def test_precision_and_agreement_are_in_the_record(project: Project) -> None:
    events = project.run(project.config(precision="bfloat16", agreement=True, methods=["saliency", "deeplift"]))
    assert kinds(events)[-1] == "finished" and read_run(project.output)["precision"] == "bfloat16"
    half, whole = (record for record in project.maps() if record["target"] == project.maps()[0]["target"])
    assert (half["method"], half["precision"]) == ("saliency", "bfloat16")
    assert 0.9 < half["measures"]["agreement_with_float32"] < 1
    assert (whole["method"], whole["precision"]) == ("deeplift", "float32")
    assert "agreement_with_float32" not in whole["measures"]
    shares = [event["done"] / event["total"] for event in events if event["kind"] == "progress"]
    assert shares == [0.5, 1, 1], "saliency twice, deeplift once"
    assert te.load(project.output)[0].precision == "bfloat16"


def test_a_precision_that_the_model_cannot_run_in_is_refused(project: Project) -> None:
    net = (project.folder / "net.py").read_text()
    net = net.replace("        return y * ", "        y = nn.functional.avg_pool3d(y, 1)\n        return y * ")
    (project.folder / "net.py").write_text(net)
    (event,) = project.run(project.config(precision="float16", methods=["saliency"]))
    assert event["kind"] == "refused" and not project.output.exists()
    assert event["text"].startswith("precision: 'float16' cannot run this model on 'cpu'")
    assert event["text"].endswith("it runs in 'float32' or 'amp'")
