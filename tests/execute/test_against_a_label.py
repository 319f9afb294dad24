"""A run that explains errors against the images' labels, and judges its maps along their ranking and by region."""

from __future__ import annotations

import nibabel
import numpy as np

import torchesegeta as te
from torchesegeta.ledger import read_manifest

from .project import AFFINE, Project


def test_a_run_of_errors_and_their_scores(project: Project) -> None:
    label = np.random.default_rng(4).integers(0, 3, (8, 9, 10)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(label, AFFINE), project.folder / "tissue.nii.gz")
    evaluation = {
        "metrics": [
            {"name": "deletion", "steps": 3, "on": "dice"},
            {"name": "road", "shares": [0.3]},
            {"name": "region_shares", "atlas": {"path": "tissue.nii.gz"}, "names": {"2": "grey"}},
        ]
    }
    target = {"kind": "error", "error": "false_negative", "classes": ["white"]}
    images = [{"path": "a.nii.gz", "label": "tissue.nii.gz"}, {"path": "b.nii.gz"}]
    model = {"factory": "net.py:Net", "class_names": ["nothing", "white", "grey"]}
    project.run(project.config(model=model, images=images, methods=["saliency"], target=target, evaluation=evaluation))
    maps = {r["image"]: r for r in read_manifest(project.output) if r["record"] == "map"}
    assert maps["a"]["status"] == "ok" and maps["a"]["target"] == "white false negatives"
    assert maps["b"]["status"] == "incompatible" and "needs a label" in maps["b"]["reason"]
    scores = {s.metric: s for s in te.load_scores(project.output) if s.image == "a"}
    assert scores["road"].status == scores["region_shares"].status == "ok"
    assert "predicted nowhere in this image" in (scores["deletion"].reason or ""), "it was missed as a whole"
    (table,) = te.region_tables(scores.values())
    assert table.structures == ("0", "1", "grey") and table.targets == ("white false negatives",)
