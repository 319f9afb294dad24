"""Models from files that hold their operations: read, not run."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ModelError
from torchesegeta.models import format_of, kind_of, load_program, model_dims, takes_single_points

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PyTorch's, about itself

POINT = torch.randn(1, 2, 8, 9, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).relu().mean((2, 3))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return Net().eval()


def exported(net: nn.Module, path: Path, **options: Any) -> Path:
    torch.export.save(torch.export.export(net, (POINT,), **options), path)
    return path


def test_exported_program_has_layers(net: nn.Module, tmp_path: Path) -> None:
    found = load_program(exported(net, tmp_path / "net.pt2"))
    torch.testing.assert_close(found(POINT), net(POINT))
    assert format_of(found).layers and "conv" in dict(found.named_modules())
    assert kind_of(found.get_submodule("conv")) == "Conv2d"
    assert model_dims(found) == 2 and takes_single_points(found)


def test_torchscript(net: nn.Module, tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(net), tmp_path / "net.pt")
    found = load_program(tmp_path / "net.pt")
    torch.testing.assert_close(found(POINT), net(POINT))
    assert format_of(found).name == "TorchScript" and not format_of(found).layers
    assert model_dims(found) == 2 and not takes_single_points(found)


def test_open_batch_takes_several_points(net: nn.Module, tmp_path: Path) -> None:
    shapes = ({0: torch.export.Dim("batch")},)
    points = POINT.expand(3, -1, -1, -1)
    program = torch.export.export(net, (points,), dynamic_shapes=shapes)
    assert not takes_single_points(program.module())
    mixing = nn.Sequential(Net(), nn.BatchNorm1d(3, track_running_stats=False)).eval()
    assert takes_single_points(torch.export.export(mixing, (points,), dynamic_shapes=shapes).module())


@pytest.mark.parametrize("freeze", [False, True])
def test_batch_norm_without_statistics_in_torchscript(freeze: bool) -> None:
    def script(**options: bool) -> nn.Module:
        made = torch.jit.script(nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, **options), nn.ReLU()).eval())
        return torch.jit.freeze(made) if freeze else made

    assert takes_single_points(script(track_running_stats=False))
    assert freeze or not takes_single_points(script())


class Touch:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def rewritten(path: Path, changes: dict[str, bytes], *, pickled: bool = False) -> Path:
    """An archive with other or further records; with `pickled`, its first weight said to be a pickle."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(records)).partition("/")[0]
    records.update({f"{top}/{name}": content for name, content in changes.items()})
    if pickled:
        name = f"{top}/data/weights/model_weights_config.json"
        about = json.loads(records[name])
        next(iter(about["config"].values()))["use_pickle"] = True
        records[name] = json.dumps(about).encode()
    target = path.with_name("changed.pt2")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("data/weights/weight_0", "could run any code"),
        ("data/constants/opaque_obj_0", "holds pickled objects"),
        ("data/constants/custom_obj_0", "holds custom objects"),
        ("data/aotinductor/model/model.so", "holds compiled code"),
    ],
)
def test_what_could_run_is_refused(record: str, said: str, net: nn.Module, tmp_path: Path) -> None:
    trace, buffer = tmp_path / "trace", io.BytesIO()
    torch.save(Touch(trace), buffer)
    content = buffer.getvalue() if "weight" in record else pickle.dumps(Touch(trace))
    path = rewritten(exported(net, tmp_path / "net.pt2"), {record: content}, pickled="weight" in record)
    with pytest.raises(ModelError, match=said):
        load_program(path)
    assert not trace.exists()


def test_other_files_are_refused(net: nn.Module, tmp_path: Path) -> None:
    torch.save(net, tmp_path / "pickled.pt")
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    torch.save(net.state_dict(), tmp_path / "weights.pt2")
    (tmp_path / "net.onnx").write_bytes(b"?")
    for name, said in {
        "pickled.pt": "not TorchScript: a state dict goes into 'checkpoint'",
        "weights.pt": "not TorchScript: a state dict goes into 'checkpoint'",
        "weights.pt2": "not a file of torch.export.save",
        "net.onnx": "has the ending '.onnx'; allowed: .pt2, .pt",
        "wights.pt": "does not exist in .*; nearest: 'weights.pt'",
    }.items():
        with pytest.raises(ModelError, match=said):
            load_program(tmp_path / name)


def test_something_else_in_memory() -> None:
    with pytest.raises(ModelError, match="model: a function is neither a torch.nn.Module nor a torch.export program"):
        te.explain(lambda x: x, POINT[0], "saliency")  # type: ignore[arg-type]
