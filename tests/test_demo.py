import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import torchesegeta as te
from torchesegeta.config import load_config
from torchesegeta.demo import LAYERS, load_network, prepare

pytest.importorskip("nilearn", reason="the template of the demo comes with nilearn")


def test_demo_explains_both_tissues_by_every_method_of_one_image_at_every_layer(tmp_path: Path) -> None:
    config = load_config(prepare(tmp_path / "brain"))
    names = [m if isinstance(m, str) else m["name"] for m in config.methods]
    assert names == [name for name in te.methods() if name not in ("captum", "feature_permutation")]
    assert config.target.class_references() == ("white matter", "grey matter")
    blocks = [n for n, _ in load_network().named_modules() if n.count(".") == 1 and not n.startswith("bottleneck")]
    assert set(LAYERS) == {*blocks, "bottleneck"}
    assert config.layers == LAYERS
    assert any("no evidence of generalisation" in note for note in config.notes)


def test_demo_writes_the_template_and_its_tissues_at_2_mm(tmp_path: Path) -> None:
    content = json.loads(prepare(tmp_path / "brain").read_text())
    image, label = (nib.load(content["images"][0][key]) for key in ("path", "label"))
    assert np.allclose(image.header.get_zooms(), 2)
    assert image.shape == label.shape and np.array_equal(image.affine, label.affine)
    counts = np.bincount(np.asarray(label.dataobj).ravel().astype(int))
    assert len(counts) == 3 and (counts > 0.05 * counts.sum()).all()


@pytest.mark.slow
def test_demo_runs_to_its_end(tmp_path: Path) -> None:
    from torchesegeta.console import follow

    assert follow(prepare(tmp_path / "brain")) == 0
    assert (tmp_path / "brain" / "report.html").stat().st_size > 1_000_000
    assert {m.status for m in te.load(tmp_path / "brain")} == {"ok"}
