"""What an evaluated run says of its methods together: their agreement, their consensus, shares by region."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import torchesegeta as te
from torchesegeta.config import load_config
from torchesegeta.errors import InputError
from torchesegeta.execute import comparing
from torchesegeta.ledger import AGREEMENT, read_manifest
from torchesegeta.plan import planned

from .project import AFFINE, Project

METHODS = ["saliency", "input_x_gradient", "layer_gradcam"]
GINI: dict[str, Any] = {"metrics": ["gini"]}


def comparisons(project: Project) -> list[Any]:
    return [record for record in read_manifest(project.output) if record.get("kind") == "agreement"]


def config(project: Project, **changes: Any) -> Path:
    return project.config(**{"methods": METHODS, "evaluation": GINI, "figures": False, **changes})


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def test_agreement_is_that_of_the_python_call(project: Project) -> None:
    """Files on another grid: flipped axes, and a padding that they have lost, which must not count as agreement."""
    preprocess = [{"name": "Orientation", "axcodes": "LAS"}, {"name": "DivisiblePad", "k": 12}]
    project.run(config(project, preprocess=preprocess))
    found = comparisons(project)
    assert found and {record["status"] for record in found} == {"ok"}
    with planned(load_config(project.folder / "config.json")) as plan:
        image, target = plan.first.image, plan.config.target.model_dump() | {"kind": "multiclass"}
        maps = te.explain(plan.runner.model, image, METHODS[:2], target=target)
    for record in found:
        assert [member["label"] for member in record["members"]] == METHODS[:2]
        expected = te.agreement([one for one in maps if one.target == record["target"]])
        head, *rows = table(project.output / record["files"]["table"])
        assert head == ["map", "cluster", *(expected.names[n] for n in expected.order)]
        wanted = expected.correlation[list(expected.order)][:, list(expected.order)]
        assert np.array([row[2:] for row in rows], dtype=float) == pytest.approx(wanted, abs=1e-4)
        consensus = nibabel.load(project.output / record["files"]["consensus"])
        assert consensus.shape == (8, 9, 10) and np.allclose(consensus.affine, AFFINE)


def test_the_report_shows_the_agreement(project: Project) -> None:
    project.run(config(project, figures=True))
    found = comparisons(project)
    assert found and all((project.output / record["files"]["figure"]).is_file() for record in found)
    text = (project.output / "report.html").read_text(encoding="utf-8")
    assert text.index("Can these explanations be trusted?") < text.index("Do the methods agree?")
    assert text.count('alt="Agreement of methods: a') == len(found) and AGREEMENT not in text


def test_it_is_made_once_and_again_where_maps_or_its_files_are(project: Project) -> None:
    def labels(events: list[Any]) -> list[list[str]]:
        return [event["labels"] for event in events if event["kind"] == "job"]

    assert labels(project.run(config(project)))[-1] == [AGREEMENT]
    assert not labels(project.run(config(project)))
    (project.output / comparisons(project)[0]["files"]["table"]).unlink()
    assert labels(project.run(config(project))) == [[AGREEMENT]]
    next((project.output / "attributions").rglob("saliency*.nii.gz")).unlink()
    assert labels(project.run(config(project))) == [["saliency"], ["gini/saliency"], [AGREEMENT]]
    assert len(comparisons(project)) == len({record["target"] for record in comparisons(project)})


def test_a_run_that_is_not_evaluated_or_has_one_method_is_not_compared(project: Project) -> None:
    project.run(config(project, evaluation=None))
    assert not comparisons(project)
    project.run(config(project))
    assert comparisons(project)
    project.run(config(project, methods=["saliency", "layer_gradcam"], output="other"))
    assert not (project.folder / "other" / "evaluation").exists()


def test_large_images_are_thinned_and_get_no_consensus(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MOST_VOXELS", 100)
    project.run(config(project))
    assert comparisons(project) and all("consensus" not in record["files"] for record in comparisons(project))
    assert {record["step"] for record in comparisons(project)} == {2}
    assert all(len(table(project.output / record["files"]["table"])) == 3 for record in comparisons(project))


def test_shares_by_region_are_tabled_and_drawn(project: Project) -> None:
    atlas = np.zeros((8, 9, 10), dtype=np.int16)
    atlas[:4], atlas[4:6] = 17, 53
    nibabel.save(nibabel.Nifti1Image(atlas, AFFINE), project.folder / "atlas.nii.gz")
    shares = {"name": "region_shares", "atlas": {"path": str(project.folder / "atlas.nii.gz")}}
    project.run(config(project, methods=["saliency"], layers=None, evaluation={"metrics": [shares]}))
    rows = table(project.output / "evaluation" / "region_shares__saliency.csv")
    assert rows[0][:4] == ["method", "layer", "structure", "target"]
    assert {row[2] for row in rows[1:]} == {"0", "17", "53"}
    text = (project.output / "report.html").read_text(encoding="utf-8")
    assert 'alt="saliency: which structure feeds which class"' in text


@pytest.mark.parametrize(("error", "status"), [(InputError("no"), "incompatible"), (MemoryError("no"), "failed")])
def test_what_cannot_be_compared_costs_only_that(
    project: Project, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str
) -> None:
    def fail(maps: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(comparing, "agreement", fail)
        assert project.run(config(project))[-1]["kind"] == "finished"
    found = comparisons(project)
    assert {(record["status"], record["files"] == {}) for record in found} == {(status, True)}
    assert all("no" in record["reason"] for record in found)
    project.run(config(project))
    tried_again = "ok" if status == "failed" else status
    assert {record["status"] for record in comparisons(project)} == {tried_again}
