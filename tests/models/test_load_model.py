from pathlib import Path

import torch
from safetensors.torch import save_file

from torchesegeta.models import load_model
from torchesegeta.models.nets import UNet

NET = "torchesegeta.models.nets:UNet"
ARGUMENTS = {"spatial_dims": 2, "features": [2, 3]}


def test_without_a_checkpoint_the_user_is_warned(tmp_path: Path) -> None:
    model, warnings = load_model(NET, ARGUMENTS, None, seed=3, folder=tmp_path)
    assert isinstance(model, UNet) and not model.training
    assert len(warnings) == 1 and warnings[0].startswith("random weights (no checkpoint): ")
    again, _ = load_model(NET, ARGUMENTS, None, seed=3, folder=tmp_path)
    assert torch.equal(model.head.weight, again.get_parameter("head.weight"))


def test_checkpoint_is_relative_to_the_folder(tmp_path: Path) -> None:
    trained = UNet(2, features=(2, 3))
    save_file(trained.state_dict(), tmp_path / "weights.safetensors")
    for path in (Path("weights.safetensors"), tmp_path / "weights.safetensors"):
        model, warnings = load_model(NET, ARGUMENTS, path, seed=0, folder=tmp_path)
        assert warnings == []
        assert all(torch.equal(value, trained.state_dict()[key]) for key, value in model.state_dict().items())


def test_frozen_parameters_stay_frozen(tmp_path: Path) -> None:
    (tmp_path / "frozen.py").write_text(
        "from torch.nn import Linear\n\n\ndef make():\n    return Linear(2, 2).requires_grad_(False)\n"
    )
    model, _ = load_model("frozen.py:make", {}, None, seed=0, folder=tmp_path)
    assert not any(parameter.requires_grad for parameter in model.parameters())
