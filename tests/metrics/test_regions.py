"""Shares by region: of one map, of a data set, from a file, from a run folder, and as a figure."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from torch import Tensor

import torchesegeta as te
from tests.figures.support import pixels
from torchesegeta.errors import InputError
from torchesegeta.figures import draw_regions, save

from .nets import SIZES, Segmenter, image


def atlas(dims: int = 2) -> Tensor:
    found = torch.zeros(SIZES[dims], dtype=torch.long)
    found[:4], found[4:6] = 17, 53
    return found


NAMES = {17: "left hippocampus", 53: "right hippocampus"}


def test_shares_and_volumes_of_structures() -> None:
    net, x = Segmenter(), image()
    one = te.explain(net, x, ["saliency"], target=1)[0]
    assert one.values is not None
    one.values = torch.zeros(1, *SIZES[2])
    one.values[0, 0, 0], one.values[0, 5, 0] = -3, 1
    wanted: dict[str, Any] = {"name": "region_shares", "atlas": atlas(), "names": NAMES}
    (score,) = te.evaluate(net, x, one, wanted)
    assert score.steps == ("0", "left hippocampus", "right hippocampus")
    assert score.curves["share"] == [0, 0.75, 0.25] and score.value == 0.75
    assert score.curves["volume"] == pytest.approx([3 / 9, 4 / 9, 2 / 9])
    (signed,) = te.evaluate(net, x, one, {**wanted, "sign": "positive"})
    assert signed.curves["share"] == [0, 0, 1]
    assert te.metrics()["region_shares"](**{k: v for k, v in signed.parameters.items() if k in ("names", "sign")})


def test_an_atlas_of_a_file(tmp_path: Path) -> None:
    net = Segmenter(3)
    affine = np.diag([2.0, 2, 2, 1])
    nibabel.save(nibabel.Nifti1Image(image(3)[0].numpy(), affine), tmp_path / "image.nii.gz")
    nibabel.save(nibabel.Nifti1Image(atlas(3).numpy().astype(np.int16), affine), tmp_path / "atlas.nii.gz")
    maps = te.explain(net, tmp_path / "image.nii.gz", ["saliency"], target=1)
    wanted = {"name": "region_shares", "atlas": {"path": str(tmp_path / "atlas.nii.gz")}}
    (score,) = te.evaluate(net, tmp_path / "image.nii.gz", maps, wanted)
    (other,) = te.evaluate(net, tmp_path / "image.nii.gz", maps, {"name": "region_shares", "atlas": atlas(3)})
    assert score.curves == other.curves and sum(score.curves["share"]) == pytest.approx(1)


def test_what_fits_no_image() -> None:
    net, x = Segmenter(), image()
    one = te.explain(net, x, ["saliency"], target=1)[0]
    for wrong, why in ((None, "needs an 'atlas', or a label"), (atlas(3), "the image has"), (atlas() + 0.5, "whole")):
        (score,) = te.evaluate(net, x, one, {"name": "region_shares", "atlas": wrong})
        assert score.status == "incompatible" and why in (score.reason or "")


def scores_of_a_set() -> list[te.Score]:
    net = Segmenter()
    images = [te.Image(image(seed=i), name=name) for i, name in enumerate("abc")]
    maps = te.explain(net, images, ["saliency", "input_x_gradient"], target={"kind": "multiclass"})
    return te.evaluate(net, images, maps, {"name": "region_shares", "atlas": atlas(), "names": NAMES})


def test_tables_of_a_data_set(tmp_path: Path) -> None:
    scores = scores_of_a_set()
    first, second = te.region_tables(scores)
    assert (first.label, second.label) == ("saliency", "input_x_gradient")
    assert first.structures == ("0", "left hippocampus", "right hippocampus") and first.targets == ("0", "1")
    own = [s for s in scores if s.label == "saliency" and s.target == "1"]
    shares = [s.curves["share"][1] for s in own]
    assert first.share[1, 1] == pytest.approx(np.mean(shares)) and first.images[1, 1] == 3
    assert first.spread[1, 1] == pytest.approx(np.std(shares, ddof=1))
    assert first.share.sum(0) == pytest.approx([1, 1]) and first.density[0, 0] == first.share[0, 0] / (3 / 9)
    with open(first.write(tmp_path / "regions.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and float(rows[3]["share"]) == pytest.approx(first.share[1, 1])


def test_a_structure_counts_where_it_is() -> None:
    first, *others = (s for s in scores_of_a_set() if (s.label, s.target) == ("saliency", "1"))
    lacking = replace(first, steps=("0",), curves={"share": [1.0], "volume": [1.0]})
    (table,) = te.region_tables([lacking, *others])
    assert table.images.tolist() == [[3], [2], [2]]


def test_no_tables_of_other_scores() -> None:
    with pytest.raises(InputError, match="no score of the metric 'region_shares'"):
        te.region_tables([])
    scores = scores_of_a_set()
    with pytest.raises(InputError, match="several metrics"):
        te.region_tables([*scores, replace(scores[0], metric="other")])


@pytest.mark.parametrize("shows", ["share", "density"])
def test_the_figure(tmp_path: Path, shows: Any) -> None:
    table = te.region_tables(scores_of_a_set())[0]
    path = save(draw_regions(table, shows=shows), tmp_path / "regions.svg")
    text = path.read_text(encoding="utf-8")
    shown = table.share if shows == "share" else table.density
    assert "left hippocampus" in text and f"{shown[1, 1]:.2f}" in text
    assert "mean over 2 to 3 images" in text, "class 0 is not predicted in one of them"


@pytest.mark.parametrize("count", [1, 3, 4])
def test_no_edge_of_the_figure_is_cut(count: int) -> None:
    """Below the last row there is its line, and then paper."""
    table = te.region_tables(scores_of_a_set())[0]
    cells = {name: getattr(table, name)[[0] * count] for name in ("share", "spread", "volume", "images")}
    seen = pixels(draw_regions(replace(table, structures=("brain",) * count, **cells)))
    inked = np.nonzero((seen != seen[-1, -1]).any(axis=(1, 2)))[0]
    assert len(seen) - 1 - inked[-1] > 5
    line, above = (seen[row].astype(int) for row in (inked[-1], inked[-1] - 4))
    across = np.nonzero((line != seen[-1, -1]).any(axis=1))[0]
    assert np.ptp(across) > 0.9 * np.ptp(np.nonzero((above != seen[-1, -1]).any(axis=1))[0][1:])
