import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import torchesegeta as te
from torchesegeta.config import RunConfig, load_config
from torchesegeta.demo import LAYERS, load_network, prepare

pytest.importorskip("nilearn", reason="the template of the demo comes with nilearn")


def names_of(config: RunConfig) -> list[str]:
    return [m if isinstance(m, str) else m["name"] for m in config.methods]


def test_demo_can_explain_by_every_method_of_one_image(tmp_path: Path) -> None:
    config = load_config(prepare(tmp_path / "brain", every_method=True))
    left_out = {"captum", "feature_permutation", "activation_atlas"}
    assert names_of(config) == [name for name in te.methods() if name not in left_out]


def test_demo_explains_both_tissues_by_methods_of_plain_gradients_at_every_layer(tmp_path: Path) -> None:
    config = load_config(prepare(tmp_path / "brain"))
    assert {"saliency", "gradcam", "integrated_gradients", "smoothgrad", "layer_conductance"} <= set(names_of(config))
    assert "feature_visualization" in names_of(config)
    assert not {"occlusion", "guided_backprop", "deeplift", "guided_gradcam", "rise"} & set(names_of(config))
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
