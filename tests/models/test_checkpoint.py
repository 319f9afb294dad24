import argparse
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from torchesegeta.errors import ModelError
from torchesegeta.models.checkpoint import load_checkpoint
from torchesegeta.models.nets import UNet


def net(seed: int = 0) -> UNet:
    torch.manual_seed(seed)
    return UNet(2, 1, 2, features=(2, 3))


TRAINED = net(1)
WEIGHTS: dict[str, Tensor] = {key: value.clone() for key, value in TRAINED.state_dict().items()}


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in WEIGHTS.items()}


def loads(content: Any, path: Path) -> list[str]:
    """Saves, loads into an untrained net, and sees that it has become the trained one."""
    torch.save(content, path)
    model = net()
    warnings = load_checkpoint(model, path)
    assert all(torch.equal(value, WEIGHTS[key]) for key, value in model.state_dict().items())
    return warnings


def refusal(path: Path, model: nn.Module | None = None) -> str:
    model = model or net()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ModelError) as caught:
        load_checkpoint(model, path)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    return str(caught.value)


def test_safetensors(tmp_path: Path) -> None:
    save_file(prefixed("module."), tmp_path / "weights.safetensors")
    model = net()
    assert load_checkpoint(model, tmp_path / "weights.safetensors") == []
    assert torch.equal(model.head.weight, TRAINED.head.weight)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin"])
def test_torch_files(suffix: str, tmp_path: Path) -> None:
    assert loads(WEIGHTS, tmp_path / f"weights{suffix}") == []


@pytest.mark.parametrize("place", ["state_dict", "model_state_dict", "model", "net", "network_weights", "mine"])
def test_places(place: str, tmp_path: Path) -> None:
    optimiser = {"state": {0: {"exp_avg": torch.rand(3)}}, "param_groups": [{"lr": 0.1}]}
    assert loads({"epoch": 3, "optimizer": optimiser, place: WEIGHTS}, tmp_path / "a.pt") == []
    assert loads({"best": {place: WEIGHTS}, "loss": torch.tensor(0.1)}, tmp_path / "b.pt") == []


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "_orig_mod.", "module._orig_mod.", "my.own."])
def test_prefixes(prefix: str, tmp_path: Path) -> None:
    assert loads({"state_dict": prefixed(prefix)}, tmp_path / "a.pt") == []


def test_a_model_that_has_the_prefix_itself(tmp_path: Path) -> None:
    torch.save({"model." + key: value for key, value in TRAINED.head.state_dict().items()}, tmp_path / "a.pt")
    model = nn.ModuleDict({"model": net().head})
    assert load_checkpoint(model, tmp_path / "a.pt") == []
    assert torch.equal(model.get_parameter("model.weight"), TRAINED.head.weight)


def test_keys_outside_the_prefix_are_reported(tmp_path: Path) -> None:
    (warning,) = loads({"state_dict": prefixed("model.") | {"loss.weight": torch.ones(2)}}, tmp_path / "a.pt")
    assert warning == "checkpoint: only keys under 'model.' were used; left out: loss.weight"


def test_other_types_and_old_batch_norms(tmp_path: Path) -> None:
    half = {key: value.half() for key, value in WEIGHTS.items() if not key.endswith("num_batches_tracked")}
    torch.save(half, tmp_path / "a.pt")
    model = net()
    assert load_checkpoint(model, tmp_path / "a.pt") == []
    assert model.head.weight.dtype == torch.float32
    assert torch.allclose(model.head.weight, TRAINED.head.weight, atol=1e-3)


def test_mismatch_lists_what_differs(tmp_path: Path) -> None:
    changed = prefixed("module.")
    changed["module.head.weight"] = torch.zeros(5, 2, 1, 1)
    changed["module.extra.bias"] = changed.pop("module.head.bias")
    torch.save({"state_dict": changed}, tmp_path / "a.pt")
    message = refusal(tmp_path / "a.pt")
    assert "1 missing (head.bias)" in message
    assert "1 unexpected (extra.bias)" in message
    assert "1 of another shape (head.weight: file (5, 2, 1, 1), model (2, 2, 1, 1))" in message


def test_long_lists_are_shortened(tmp_path: Path) -> None:
    torch.save({"head.bias": WEIGHTS["head.bias"]}, tmp_path / "a.pt")
    message = refusal(tmp_path / "a.pt")
    assert "more)" in message and message.count("weight") <= 5


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], {"model": None}])
def test_no_weights_in_the_file(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pt")
    assert "holds no state dict" in refusal(tmp_path / "a.pt")


def test_files_that_are_not_there_or_not_known(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "weights.pt")
    (tmp_path / "weights.h5").write_bytes(b"123")
    assert "nearest: 'weights.pt'" in refusal(tmp_path / "weight.pt")
    assert "has the ending '.h5'; allowed: .safetensors, .pt" in refusal(tmp_path / "weights.h5")
    assert "does not exist" in refusal(tmp_path / "nowhere" / "weights.pt")


@pytest.mark.parametrize("length", [0, 1, 30, 3000])
def test_truncated_files(length: int, tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "a.pt")
    save_file(WEIGHTS, tmp_path / "a.safetensors")
    for name, problem in (("a.pt", "damaged"), ("a.safetensors", "not a complete safetensors file")):
        content = (tmp_path / name).read_bytes()
        assert len(content) > length
        (tmp_path / name).write_bytes(content[:length])
        assert problem in refusal(tmp_path / name)


@pytest.mark.parametrize("content", [b"hello, this is a text\n" * 20, bytes(range(256)) * 8, b"\x80\x04."])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    for suffix in (".pt", ".safetensors"):
        (tmp_path / f"a{suffix}").write_bytes(content)
        assert "not a" in refusal(tmp_path / f"a{suffix}")


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("the trap has sprung",))


def test_pickles_are_never_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": WEIGHTS, "trap": Trap()}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Trap()))
    assert "print" in refusal(tmp_path / "a.pt")
    refusal(tmp_path / "b.pt")
    assert capsys.readouterr().out == ""


def test_whole_models_are_refused_with_a_remedy(tmp_path: Path) -> None:
    torch.save(TRAINED, tmp_path / "a.pt")
    message = refusal(tmp_path / "a.pt")
    assert "torchesegeta.models.nets.unet.UNet" in message
    assert "so it is refused" in message and "safetensors.torch.save_file" in message
    torch.save({"state_dict": WEIGHTS, "options": argparse.Namespace(lr=1)}, tmp_path / "b.pt")
    assert "holds more than weights (argparse.Namespace)" in refusal(tmp_path / "b.pt")
