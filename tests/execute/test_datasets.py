"""Runs over sets of images: in parts, of many images, of images that change or cannot be read."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

import torchesegeta as te
from benchmarks.datasets import write_project
from torchesegeta.errors import StoreError
from torchesegeta.execute import execute
from torchesegeta.ledger import read_run, read_runs
from torchesegeta.report import write_report

from .project import Project
from .thread import WorkerThread

METHODS: list[Any] = ["saliency", {"name": "feature_permutation", "features": {"kind": "grid", "cells": 5}}]


def scans(project: Project, count: int = 5) -> None:
    for number in range(count):
        project.image(f"scans/{chr(ord('a') + number)}.nii.gz")


def config(project: Project, **changes: Any) -> Path:
    return project.config(images={"glob": "scans/*.nii.gz"}, **{"methods": METHODS, **changes})


def run(path: Path, shard: str | None = None) -> Any:
    events: list[Any] = []
    return execute(path, events.append, hire=lambda n: WorkerThread(path, n, shard=shard)), events


@pytest.fixture
def many(project: Project) -> Project:
    (project.folder / "scans").mkdir()
    scans(project)
    return project


def test_shards_are_one_run(many: Project) -> None:
    path = config(many)
    for shard in ("2/3", "1/3", "3/3"):
        outcome, _ = run(path, shard)
        assert outcome.exit_code == 0, outcome
    assert sorted(p.name for p in many.output.iterdir()) == [f"shard-{n}-of-3" for n in (1, 2, 3)]
    assert [image["name"] for image in read_run(many.output / "shard-2-of-3")["images"]] == ["b", "e"]
    whole, _ = run(config(many, output="whole"))
    assert whole.exit_code == 0
    parts, single = te.load(many.output), te.load(many.folder / "whole")
    assert [m.key for m in parts] == [m.key for m in single]
    for one, two in zip(parts, single, strict=True):
        assert one.values is not None and two.values is not None and one.values.equal(two.values)
    text = write_report(many.output).read_text()
    assert all(f">{name}</th>" in text for name in "abcde") and "are missing" not in text
    about = read_runs(many.output)
    assert about["state"] == "finished" and about["counts"] == {"ok": len(single)}


def test_a_shard_that_is_missing_is_said(many: Project) -> None:
    run(config(many), "1/3")
    assert "of 3 shards, these are missing: 2, 3" in write_report(many.output).read_text()
    with pytest.warns(UserWarning, match="of 3 shards, these are missing: 2, 3"):
        assert {m.image for m in te.load(many.output)} == {"a", "d"}


def test_what_does_not_belong_together_is_refused(many: Project) -> None:
    path = config(many, methods=["saliency"])
    run(path, "1/3")
    assert "holds shards of 3; choose another folder, or '/3'" in run(path, "1/2")[0].text
    assert "holds 'shard-1-of-3' and no run" in run(path)[0].text
    assert "'7/7' has no image: there are 5 in all" in run(config(many, output="new"), "7/7")[0].text
    run(config(many, output="whole", methods=["saliency"]))
    assert "holds a run that is no shard" in run(config(many, output="whole", methods=["saliency"]), "1/3")[0].text
    run(config(many, methods=["saliency"], seed=1, output="other"), "2/3")
    shutil.move(many.folder / "other" / "shard-2-of-3", many.output)
    with pytest.raises(StoreError, match="shards of different runs"):
        te.load(many.output)


def test_pictures_of_the_model_are_made_in_one_shard(many: Project) -> None:
    picture = {"name": "feature_visualization", "channels": [0], "steps": 1, "layers": ["enc"], "size": 8}
    path = config(many, methods=["saliency", picture])
    for number in (1, 2):
        run(path, f"{number}/2")
    assert [m.image for m in te.load(many.output) if m.of_model] == ["a"]


@pytest.mark.parametrize("broken", ["a", "c"])
def test_an_image_of_a_set_that_cannot_be_read_costs_its_own_maps(many: Project, broken: str) -> None:
    (many.folder / "scans" / f"{broken}.nii.gz").write_bytes(b"nothing")
    outcome, _ = run(config(many))
    assert outcome.state == "finished" and outcome.exit_code == 1
    failed = {name for name, status in many.statuses().items() if status == "failed"}
    assert failed == {f"{broken}/saliency", f"{broken}/feature_permutation"}


def test_an_image_that_was_not_touched_but_copied_may_be_resumed(many: Project) -> None:
    run(config(many))
    image = many.folder / "scans" / "b.nii.gz"
    os.utime(image, ns=(1, 1))
    assert run(config(many))[0].state == "finished"
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(2, 2))
    assert "differs in the file of images[1].path[0]" in run(config(many))[0].text


def test_without_figures_none_are_drawn(many: Project) -> None:
    outcome, _ = run(config(many, figures=False, methods=["saliency"]))
    assert outcome.exit_code == 0 and not (many.output / "figures").exists()
    assert "saliency" in outcome.report.read_text()


@pytest.mark.slow
def test_bookkeeping_costs_little(tmp_path: Path) -> None:
    """In processor time, which other processes disturb less: of everything, sweeps and files included."""
    path = write_project(tmp_path, 400)
    run(path)  # what is imported late, and what the first passes take, is not counted
    shutil.rmtree(tmp_path / "run")
    start = time.process_time()
    assert run(path)[0].counts == {"ok": 2000}
    assert (time.process_time() - start) / 2000 < 0.005
