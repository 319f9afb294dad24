import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from torchesegeta.errors import ConfigError, EsegetaError, ModelError
from torchesegeta.models.factory import build
from torchesegeta.models.nets import UNet

NET = "torchesegeta.models.nets:UNet"

FILE = """
from dataclasses import dataclass
import torch
from neighbour import WIDTH

@dataclass
class Options:
    width: int = WIDTH

class Net(torch.nn.Linear):
    def __init__(self, width: int, *, bias: bool = True) -> None:
        super().__init__(width, Options().width, bias=bias)

def make(**anything):
    return Net(**anything)

def nothing():
    return 5

def broken(width=3):
    raise RuntimeError("out of ideas")

constant = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(FILE)
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    (tmp_path / "faulty.py").write_text("import a_library_that_is_not_there\n")
    return tmp_path


def numpy_state() -> list[int]:
    state = np.random.get_state(legacy=False)
    keys: list[int] = state["state"]["key"].tolist()
    return keys


def refusal(factory: str, arguments: dict[str, Any], folder: Path, kind: type[EsegetaError]) -> str:
    with pytest.raises(kind) as caught:
        build(factory, arguments, seed=0, folder=folder)
    return str(caught.value)


def test_installed_factory(tmp_path: Path) -> None:
    model = build(NET, {"spatial_dims": 2, "features": [2, 4]}, seed=0, folder=tmp_path)
    assert isinstance(model, UNet)
    assert model.training and all(p.requires_grad for p in model.parameters())


def test_factory_in_a_file_with_its_neighbours(folder: Path) -> None:
    path = list(sys.path)
    model = build("net.py:Net", {"width": 2}, seed=0, folder=folder)
    assert isinstance(model, nn.Linear) and model.out_features == 4
    assert sys.path == path
    assert type(build(f"{folder}/net.py:make", {"width": 2}, seed=0, folder=Path("/"))) is type(model)


def test_a_changed_file_is_read_again(folder: Path) -> None:
    build("net.py:Net", {"width": 2}, seed=0, folder=folder)
    (folder / "net.py").write_text("from torch.nn import Identity as Net\n")
    assert isinstance(build("net.py:Net", {}, seed=0, folder=folder), nn.Identity)


def test_seed_decides_the_weights_and_nothing_else(tmp_path: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state(), random.getstate(), numpy_state()
    first, again, other = (build(NET, {}, seed=seed, folder=tmp_path).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert numpy_state() == before[2]


@pytest.mark.parametrize("factory", ["UNet", ":UNet", "torchesegeta.models.nets:", "torchesegeta.models.nets"])
def test_malformed_name(factory: str, tmp_path: Path) -> None:
    assert "must be 'package.module:Name' or 'file.py:Name'" in refusal(factory, {}, tmp_path, ConfigError)


def test_no_such_module(tmp_path: Path) -> None:
    message = refusal("torchesegeta.models.nests:UNet", {}, tmp_path, ConfigError)
    assert "'torchesegeta.models.nests' does not exist" in message and "'torchesegeta.models.nets'" in message
    assert "nearest: 'torchesegeta'" in refusal("torchesegta:UNet", {}, tmp_path, ConfigError)
    assert "does not exist" in refusal("torchesegeta.errors.deeper:UNet", {}, tmp_path, ConfigError)


def test_no_such_file(folder: Path) -> None:
    assert "nearest: 'net.py'" in refusal("nets.py:Net", {}, folder, ConfigError)
    assert "allowed: none" in refusal("nowhere/nets.py:Net", {}, folder, ConfigError)


def test_no_such_name(folder: Path) -> None:
    message = refusal("torchesegeta.models.nets:Unet", {}, folder, ConfigError)
    assert message.startswith("factory 'Unet' does not exist in torchesegeta.models.nets; nearest: 'UNet'")
    assert "is a int, not a class or function" in refusal("net.py:constant", {}, folder, ConfigError)


def test_arguments_that_do_not_fit(folder: Path) -> None:
    message = refusal(NET, {"in_chanels": 1}, folder, ConfigError)
    assert "argument 'in_chanels' does not exist in UNet(spatial_dims=3, in_channels=1" in message
    assert "nearest: 'in_channels'" in message
    assert "missing a required argument: 'width'" in refusal("net.py:Net", {}, folder, ConfigError)


def test_factory_that_fails(folder: Path) -> None:
    message = refusal(NET, {"spatial_dims": 4}, folder, ModelError)
    assert message == f"factory {NET!r} failed with ValueError: spatial_dims 4 must be 2 or 3"
    assert "RuntimeError: out of ideas" in refusal("net.py:broken", {}, folder, ModelError)
    assert "TypeError" in refusal("net.py:make", {"height": 2}, folder, ModelError)


def test_factory_that_returns_no_model(folder: Path) -> None:
    assert "returned a int; it must return a torch.nn.Module" in refusal("net.py:nothing", {}, folder, ModelError)


def test_file_that_does_not_load(folder: Path) -> None:
    modules = set(sys.modules)
    assert "No module named 'a_library_that_is_not_there'" in refusal("faulty.py:Net", {}, folder, ModelError)
    assert set(sys.modules) == modules


def test_module_that_does_not_load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    (folder / "crooked.py").write_text("1 / 0\n")
    assert "needs 'a_library_that_is_not_there'" in refusal("faulty:Net", {}, folder, ModelError)
    assert "cannot be imported: ZeroDivisionError" in refusal("crooked:Net", {}, folder, ModelError)
