"""The network that ships with the package, and the script that trained it."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from torchesegeta.models import load_model

WEIGHTS = Path(str(resources.files("torchesegeta.models") / "weights" / "brain_tissue.safetensors"))
EXAMPLE = Path(__file__).parents[2] / "examples" / "brain_tissue"


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    return loaded


def test_weights_are_small_and_carry_their_description(description: dict[str, Any]) -> None:
    assert WEIGHTS.stat().st_size < 1e6
    with safe_open(WEIGHTS, framework="pt") as file:
        metadata = file.metadata()
    assert set(metadata) == set(description)
    for key, value in description.items():
        assert value == (metadata[key] if isinstance(value, str) else json.loads(metadata[key]))


def test_test_slab_was_out_of_the_training_slabs_sight(description: dict[str, Any]) -> None:
    slabs = description["slabs_along_y"]
    assert slabs["test"][0] - slabs["training"][1] >= description["receptive_field"]


def test_segments_the_template(description: dict[str, Any]) -> None:
    datasets = pytest.importorskip("nilearn.datasets")
    t1, white, grey = (
        torch.as_tensor(load(resolution=2).get_fdata(), dtype=torch.float32)
        for load in (datasets.load_mni152_template, datasets.load_mni152_wm_template, datasets.load_mni152_gm_template)
    )
    model, warnings = load_model(
        description["factory"], description["arguments"], WEIGHTS, seed=0, folder=WEIGHTS.parent
    )
    assert warnings == [] and not model.training
    # One quarter of the head, held-out slab included, is enough and fast; 0.88 is the template's 99th percentile.
    part = (slice(10, 50), slice(60, 108), slice(20, 76))
    with torch.no_grad():
        predicted = model((t1 / 0.88).clamp(0, 1)[part][None, None])[0].argmax(dim=0)
    truth = torch.stack([1 - white - grey, white, grey])[(slice(None), *part)].argmax(dim=0)
    for index in (1, 2):
        found, wanted = predicted == index, truth == index
        overlap = 2 * (found & wanted).sum() / (found.sum() + wanted.sum())
        assert overlap > 0.8


def test_training_script_runs(tmp_path: Path) -> None:
    pytest.importorskip("nilearn")
    output = tmp_path / "quick.safetensors"
    command = [sys.executable, str(EXAMPLE / "train.py"), "--quick", "--threads", "1", "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Dice on the held-out slab" in done.stdout
    written = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    model, _ = load_model(written["factory"], written["arguments"], output, seed=0, folder=tmp_path)
    assert torch.isfinite(model(torch.rand(1, 1, 8, 9, 10))).all()


def test_training_script_keeps_the_shipped_weights() -> None:
    pytest.importorskip("nilearn")
    command = [sys.executable, str(EXAMPLE / "train.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "--quick needs --output" in done.stderr
